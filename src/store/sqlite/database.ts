import { chmod, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { hasCode, NovaError, reasonOf } from "../../model/errors.ts";
import type { Database } from "../database.ts";
import type { Answer, Statement } from "./requests.ts";
import { LastingThread } from "./lasting-thread.ts";
import { Readers } from "./readers.ts";
import type { MakeThread } from "./thread-link.ts";

export interface SQLiteOptions {
  /** Made when it is not there, for its user alone, with its directory. */
  readonly file: string;
  /** At most. A slow search shall not let the others wait. */
  readonly readers?: number;
  /** After so long without use a reader goes, but for the first. */
  readonly restMs?: number;
  /** How long another program may hold the file before that is an error. */
  readonly lockedAfterMs?: number;
  readonly makeThread?: MakeThread;
}

/** SQLite on Node: one thread writes, others read; neither waits for the other, nor this process for them. */
export async function openDatabase(options: SQLiteOptions): Promise<Database> {
  const { file, readers: most = 2, restMs, lockedAfterMs = 5_000, makeThread: make } = options;
  await makeFile(file);
  const writer = await LastingThread.start({ file, role: "writer", lockedAfterMs }, { make });
  let readers: Readers;
  try {
    // They find the file as the writer made it.
    readers = await Readers.open({
      start: async () => await LastingThread.start({ file, role: "reader", lockedAfterMs }, { make }),
      ...{ most, restMs },
    });
  } catch (thrown) {
    await writer.close();
    throw thrown;
  }
  return {
    async read(query) {
      const [answer] = await readers.ask({ kind: "run", statements: [statementOf(query)] });
      // What a statement gives is what Kysely says of it: the tables are made by the same declarations.
      return rowsOf(answer) as never;
    },
    async atomic(queries) {
      if (queries.length === 0) return [];
      const answers = await writer.ask({ kind: "run", statements: queries.map(statementOf) });
      return answers.map((answer) => ({ rows: rowsOf(answer), changed: answer.changed }));
    },
    async size() {
      const [answer] = await readers.ask({ kind: "size" });
      const [bytes, freeBytes] = answer?.rows[0] ?? [];
      return { bytes: Number(bytes), freeBytes: Number(freeBytes) };
    },
    async close() {
      await readers.close();
      // The writer last: it brings the log of writes into the file when nobody else has it open.
      await writer.close();
    },
  };
}

async function makeFile(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const handle = await open(file, "a", 0o600);
    await handle.close();
    await chmod(file, 0o600);
  } catch (thrown) {
    const code = hasCode(thrown, "ENOSPC", "EDQUOT") ? "STORE_FULL" : "STORE_FAILED";
    throw new NovaError(code, `the database's file cannot be made: ${reasonOf(thrown)}`, {
      place: file,
      cause: thrown,
    });
  }
}

const statementOf = ({ sql, parameters }: Statement): Statement => ({ sql, parameters });

function rowsOf(answer: Answer | undefined): readonly Record<string, unknown>[] {
  if (answer === undefined) return [];
  const { columns, rows } = answer;
  return rows.map((values) => {
    const row: Record<string, unknown> = {};
    for (const [index, name] of columns.entries()) row[name] = values[index];
    return row;
  });
}
