import { chmod, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { hasCode, NovaError, reasonOf } from "../../model/errors.ts";
import type { Database } from "../database.ts";
import type { Answer, Statement } from "./requests.ts";
import { startThread, type ThreadLink } from "./thread-link.ts";

export interface SQLiteOptions {
  /** Made when it is not there, for its user alone, with its directory. */
  readonly file: string;
  /** A slow search shall not let the others wait. */
  readonly readers?: number;
  /** How long another program may hold the file before that is an error. */
  readonly lockedAfterMs?: number;
}

/** SQLite on Node: one thread writes, others read; neither waits for the other, nor this process for them. */
export async function openDatabase({ file, readers = 2, lockedAfterMs = 5_000 }: SQLiteOptions): Promise<Database> {
  await makeFile(file);
  const writer = await startThread({ file, role: "writer", lockedAfterMs });
  // They find the file as the writer made it.
  const started = await Promise.allSettled(
    Array.from({ length: readers }, () => startThread({ file, role: "reader", lockedAfterMs })),
  );
  const reading = started.filter((one) => one.status === "fulfilled").map(({ value }) => value);
  const failed = started.find((one) => one.status === "rejected");
  if (failed !== undefined) {
    await closeAll([...reading, writer]);
    throw failed.reason;
  }

  const freeReader = (): ThreadLink =>
    reading.reduce((best, one) => (one.waiting < best.waiting ? one : best), reading[0] ?? writer);
  return {
    async read(query) {
      const [answer] = await freeReader().ask({ kind: "run", statements: [statementOf(query)] });
      // What a statement gives is what Kysely says of it: the tables are made by the same declarations.
      return rowsOf(answer) as never;
    },
    async atomic(queries) {
      if (queries.length === 0) return [];
      const answers = await writer.ask({ kind: "run", statements: queries.map(statementOf) });
      return answers.map((answer) => ({ rows: rowsOf(answer), changed: answer.changed }));
    },
    async size() {
      const [answer] = await freeReader().ask({ kind: "size" });
      const [bytes, freeBytes] = answer?.rows[0] ?? [];
      return { bytes: Number(bytes), freeBytes: Number(freeBytes) };
    },
    // The writer last: it brings the log of writes into the file when nobody else has it open.
    close: () => closeAll([...reading, writer]),
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

async function closeAll(threads: readonly ThreadLink[]): Promise<void> {
  for (const thread of threads) await thread.close();
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
