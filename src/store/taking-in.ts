import type { Entry, EventEntry, NewEvent } from "../model/entry.ts";
import type { WorkerRecord } from "../model/record.ts";
import { boundedError, entryOf, moreOf } from "./entries.ts";
import {
  countUsage,
  insertEvents,
  insertHouseEvents,
  insertLogs,
  insertOccurrences,
  moveWatermark,
  putErrors,
  putInstances,
  readWatermark,
} from "./taking-in-statements.ts";
import type { SourcedBatch } from "./store.ts";
import type { Writing } from "./writer.ts";

type Row = readonly (string | number | null)[];

/**
 * Takes a batch in, what is new of it: records above the watermark of their boot, which is asked and moved in the same transaction. The rows are
 * written out as JSON here, so that it is done while an earlier commit goes on.
 */
export function keep(batch: SourcedBatch, nowMs: number): Writing<readonly Entry[]> {
  const { worker, container, bootID } = batch;
  const records = batch.records.map(bounded);
  const of = { worker, container, boot: bootID };
  const logs: Row[] = [];
  const events: Row[] = [];
  const errors: Row[] = [];
  for (const [offset, record] of records.entries()) {
    const { seq, atMs, instance } = record;
    switch (record.kind) {
      case "log":
        logs.push([offset, seq, atMs, instance, record.stream, record.level, record.text, moreOf(record)]);
        break;
      case "lost":
        logs.push([offset, seq, atMs, instance, null, null, "", moreOf(record)]);
        break;
      case "event": {
        const { event } = record;
        const status = event.type === "instance" ? JSON.stringify(event.status) : event.type === "removed" ? "" : null;
        events.push([offset, seq, atMs, instance, JSON.stringify(event), status]);
        break;
      }
      case "error": {
        const { group } = record;
        const { fingerprint, category, severity, source, name, message, count, firstSeenMs, lastSeenMs } = group;
        const kind = [category, severity, source, name, message];
        errors.push([
          offset,
          seq,
          atMs,
          group.instance,
          fingerprint,
          count,
          JSON.stringify(group),
          firstSeenMs,
          lastSeenMs,
          ...kind,
        ]);
        break;
      }
    }
  }
  const logParts = inParts(logs);
  const eventParts = inParts(events);
  const errorParts = inParts(errors);
  const last = records.at(-1)?.seq ?? 0;

  return {
    positions: records.length,
    statements(first) {
      const upTo = first + records.length - 1;
      return [
        readWatermark(of),
        ...logParts.map((rows) => insertLogs({ ...of, first, rows })),
        ...eventParts.flatMap((rows) => [insertEvents({ ...of, first, rows }), putInstances({ ...of, rows })]),
        ...errorParts.flatMap((rows) => [insertOccurrences({ ...of, first, rows }), putErrors({ ...of, rows })]),
        ...(logs.length > 0 ? [countUsage({ worker, first, upTo })] : []),
        moveWatermark({ ...of, seq: last, position: upTo, nowMs }),
      ];
    },
    kept([watermark], first) {
      const had = Number(watermark?.rows[0]?.["last_seq"] ?? 0);
      const entries: Entry[] = [];
      for (const [offset, record] of records.entries())
        if (record.seq > had) entries.push(entryOf(record, batch, first + offset));
      return { result: entries, entries };
    },
  };
}

/** Takes in what happened in the house. */
export function append(events: readonly NewEvent[]): Writing<readonly EventEntry[]> {
  const parts = inParts(
    events.map(({ atMs, worker, container, instance, group, run, event }, offset) => {
      return [offset, atMs, worker, container, instance, group, run, JSON.stringify(event)];
    }),
  );
  return {
    positions: events.length,
    statements: (first) => parts.map((rows) => insertHouseEvents({ first, rows })),
    kept(_done, first) {
      const entries = events.map(({ atMs, worker, container, instance, group, run, event }, offset): EventEntry => {
        const base = { position: first + offset, atMs, worker, container, instance, group, run };
        return { kind: "event", ...base, bootID: null, seq: null, event };
      });
      return { result: entries, entries };
    },
  };
}

function bounded(record: WorkerRecord): WorkerRecord {
  return record.kind === "error" ? { ...record, group: boundedError(record.group) } : record;
}

/** UTF-16 units of one JSON parameter: D1 takes no text of more than 2 MB. */
const PART_LIMIT = 250_000;

/** Rows as JSON arrays, no longer than a parameter may be. */
export function inParts(rows: readonly Row[]): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  let length = 0;
  for (const [index, row] of rows.entries()) {
    let own = 0;
    for (const value of row) own += typeof value === "string" ? value.length : 16;
    if (length > 0 && length + own > PART_LIMIT) {
      parts.push(JSON.stringify(rows.slice(from, index)));
      from = index;
      length = 0;
    }
    length += own;
  }
  if (from < rows.length) parts.push(JSON.stringify(rows.slice(from)));
  return parts;
}
