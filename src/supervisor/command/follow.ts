import { setTimeout as wait } from "node:timers/promises";
import { NovaError } from "../../model/errors.ts";
import type { RecordBatch, WorkerRecord } from "../../model/record.ts";
import type { CallParams } from "../../model/worker-calls.ts";
import type { Connection } from "./connection.ts";
import { isAbsent } from "./launch.ts";

const RETRY_MS = { first: 50, most: 1000 } as const;

/** A place in the records: after this one of this boot. */
export interface Position {
  readonly bootID: string;
  readonly afterSeq: number;
}

export interface FollowOptions {
  readonly filter: Omit<CallParams<"records.follow">, "afterSeq">;
  readonly connect: () => Promise<Connection>;
  /** Deals with a batch; the next one comes when it is done. */
  readonly take: (bootID: string, records: readonly WorkerRecord[]) => Promise<void>;
  /** Reads what is left of a boot that ended, from a position on. */
  readonly catchUp: (connection: Connection, position: Position) => Promise<void>;
  readonly note: (line: string) => void;
}

/** Follows from a position on, also over the end of the supervisor and the start of the next. Rejects as `take` does, and when something else than the connection is wrong. */
export async function followRecords(opened: Connection, from: Position, options: FollowOptions): Promise<never> {
  let connection = opened;
  let position = from;
  for (;;) {
    try {
      const take = async ({ bootID, records }: RecordBatch): Promise<void> => {
        await options.take(bootID, records);
        position = { bootID, afterSeq: Math.max(bootID === position.bootID ? position.afterSeq : 0, records.at(-1)?.seq ?? 0) };
      };
      await connection.follow({ ...options.filter, afterSeq: position.afterSeq }, take);
      throw new NovaError("LINK_LOST", "The supervisor ended the answer.");
    } catch (error) {
      if (!isLost(error)) throw error;
    } finally {
      connection.close();
    }
    options.note("The supervisor went away; waiting for the next.");
    connection = await reconnect(options.connect);
    try {
      const { bootID } = await connection.call("supervisor.info", {});
      if (bootID !== position.bootID) {
        options.note("Another supervisor runs now.");
        await options.catchUp(connection, position);
        position = { bootID, afterSeq: 0 };
      }
    } catch (error) {
      if (!isLost(error)) throw error;
    }
  }
}

async function reconnect(connect: () => Promise<Connection>): Promise<Connection> {
  for (let delay: number = RETRY_MS.first; ; delay = Math.min(delay * 2, RETRY_MS.most)) {
    try {
      return await connect();
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
    await wait(delay);
  }
}

function isLost(error: unknown): boolean {
  return error instanceof NovaError && error.code === "LINK_LOST";
}
