import { setImmediate } from "node:timers/promises";
import type { CallParams } from "../../model/worker-calls.ts";
import type { WorkerRecord } from "../../model/record.ts";
import type { Journal } from "../records/journal.ts";
import { batchesOf } from "./batches.ts";
import type { Asker } from "./calls.ts";

/** Records and bytes of one part. */
const PART = { records: 1_000, bytes: 262_144 } as const;

type Filter = CallParams<"records.follow">;

/** Hands the records of this boot to the asker as they come, until it hangs up. One that is slow reads from the journal later: nothing is kept for it. */
export async function follow(journal: Journal, filter: Filter, { signal, part }: Asker): Promise<void> {
  let after = filter.afterSeq ?? journal.lastSeq;
  const appended = watchAppends(journal);
  try {
    while (!signal.aborted) {
      const records = await journal.read(journal.bootID, after, PART);
      const last = records.at(-1);
      if (last === undefined) {
        await appended.next(signal);
        continue;
      }
      after = Math.max(after, last.seq);
      // Records in memory are read without waiting: terminals and instances get their turn in between.
      await setImmediate();
      const wanted = records.filter((record) => passes(record, filter));
      for (const batch of batchesOf(journal.bootID, wanted)) {
        await part(batch);
      }
    }
  } finally {
    appended.close();
  }
}

/** What is missing concerns whoever follows any instance. */
function passes(record: WorkerRecord, { kinds, instances, levels, streams }: Filter): boolean {
  if (kinds && !kinds.includes(record.kind)) return false;
  if (instances && !(record.instance === null ? record.kind === "lost" : instances.includes(record.instance))) return false;
  if (record.kind !== "log") return true;
  return (!levels || (record.level !== null && levels.includes(record.level))) && (!streams || streams.includes(record.stream));
}

/** Remembers that something was appended since `next` was last called, so that none is slept through. */
export function watchAppends(journal: Journal): { next(signal: AbortSignal): Promise<void>; close(): void } {
  let some = true;
  let wake: (() => void) | null = null;
  const end = journal.onAppend(() => {
    some = true;
    wake?.();
  });
  return {
    async next(signal) {
      if (!some && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = () => {
            wake = null;
            signal.removeEventListener("abort", aborted);
            resolve();
          };
          const aborted = (): void => wake?.();
          signal.addEventListener("abort", aborted);
        });
      }
      some = false;
    },
    close: end,
  };
}
