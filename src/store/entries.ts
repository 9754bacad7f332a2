import type { Entry } from "../model/entry.ts";
import type { ErrorGroup, WorkerRecord } from "../model/record.ts";
import type { SourcedBatch } from "./store.ts";

/** A record of a worker, as the entry that it becomes. */
export function entryOf(
  record: WorkerRecord,
  { worker, container, bootID }: Omit<SourcedBatch, "records">,
  position: number,
): Entry {
  const { seq, atMs, instance } = record;
  const base = { position, atMs, worker, container, instance, group: null, run: null, bootID, seq } as const;
  switch (record.kind) {
    case "log": {
      const { stream, level, text, raw, part, unended } = record;
      const line = { kind: "log", ...base, stream, level, text } as const;
      // Nearly all lines have none of these.
      if (raw === undefined && part === undefined && unended === undefined) return line;
      return {
        ...line,
        ...(raw === undefined ? {} : { raw }),
        ...(part === undefined ? {} : { part }),
        ...(unended === undefined ? {} : { unended }),
      };
    }
    case "lost": {
      const { reason, from, to, lines, bytes } = record;
      return { kind: "lost", ...base, reason, from, to, lines, bytes };
    }
    case "error":
      return { kind: "error", ...base, error: record.group };
    case "event":
      break;
  }
  return { kind: "event", ...base, event: record.event };
}

/** What a line's column `more` holds: what seldom stands in a line, or all of a lost record. */
export function moreOf(record: Extract<WorkerRecord, { kind: "log" | "lost" }>): string | null {
  if (record.kind === "lost") {
    const { reason, from, to, lines, bytes } = record;
    return JSON.stringify({ reason, from, to, lines, bytes });
  }
  const { raw, part, unended } = record;
  if (raw === undefined && part === undefined && unended === undefined) return null;
  return JSON.stringify({ raw, part, unended });
}

/** UTF-16 units of an error's JSON; D1 takes no row of more than 2 MB. */
const ERROR_LIMIT = 250_000;

/** The error with as many of its lines as can be kept of one: the first of its own, the last of those before it. */
export function boundedError(group: ErrorGroup): ErrorGroup {
  let bounded = group;
  while (JSON.stringify(bounded).length > ERROR_LIMIT && bounded.lines.length + bounded.before.length > 0) {
    const { lines, before } = bounded;
    bounded = {
      ...bounded,
      lines: lines.slice(0, Math.floor(lines.length / 2)),
      before: before.slice(Math.ceil(before.length / 2)),
    };
  }
  return bounded;
}
