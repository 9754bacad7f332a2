import type { LogRecord } from "../../src/model/record.ts";
import type { SourcedBatch } from "../../src/store/store.ts";

const verbs = ["GET", "POST", "PUT", "DELETE", "PATCH"];
const nouns = ["orders", "users", "invoices", "sessions", "carts", "images", "events", "reports", "tokens", "messages"];
const ends = ["from the cache", "after a retry", "with a warning", "in the second try", "by the fallback", "as asked for"];

/** One line in so many holds it. */
export const RARE = { word: "quicksilver", oneIn: 100_000 };

/** A line as programs write them, about 100 bytes, the same for the same number. */
export function lineOf(number: number): string {
  const verb = verbs[number % verbs.length] ?? "";
  const noun = nouns[(number * 7) % nouns.length] ?? "";
  const end = number % RARE.oneIn === 0 ? RARE.word : (ends[(number * 13) % ends.length] ?? "");
  const id = ((number * 2_654_435_761) % 4_294_967_296).toString(16);
  return `${verb} /api/v1/${noun}/${id} answered 200 in ${number % 97} ms for user-${number % 5000} on worker ${end}`;
}

/** All batches of so many workers with two instances each, by worker: `rows` lines in all, `each` in a batch. */
export function batchesOf(workers: number, rows: number, each: number): readonly (readonly SourcedBatch[])[] {
  return Array.from({ length: workers }, (_, worker) =>
    Array.from({ length: Math.floor(rows / workers / each) }, (__, batch) => batchOf(worker, batch, each)),
  );
}

export function batchOf(worker: number, batch: number, each: number): SourcedBatch {
  const records = Array.from({ length: each }, (_, index): LogRecord => {
    const seq = batch * each + index + 1;
    return {
      kind: "log",
      seq,
      atMs: 1_790_000_000_000 + seq,
      instance: seq % 2 === 0 ? "web" : "jobs",
      stream: seq % 10 === 0 ? "stderr" : "stdout",
      level: seq % 10 === 0 ? "warn" : "info",
      text: lineOf(worker * 1_000_003 + seq),
    };
  });
  return { worker: `worker-${worker}`, container: `container-${worker}`, bootID: "b".repeat(32), records };
}
