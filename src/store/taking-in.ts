import type { Entry, EventEntry, NewEvent } from "../model/entry.ts";
import type { WorkerRecord } from "../model/record.ts";
import { boundedError, entryOf } from "./entries.ts";
import { lineRows } from "./line-rows.ts";
import { inParts, type Row } from "./row-parts.ts";
import {
  countUsage,
  insertEvents,
  insertHouseEvents,
  insertLines,
  insertOccurrences,
  insertRun,
  moveWatermark,
  putErrors,
  putInstances,
  readWatermark,
} from "./taking-in-statements.ts";
import { putMessages } from "./queries/messages.ts";
import { putRuns } from "./queries/runs.ts";
import type { About, SourcedBatch } from "./store.ts";
import type { Usage } from "./retention/usage.ts";
import type { Writing } from "./writer.ts";

/**
 * Takes a batch in, what is new of it: records above the watermark of their boot, which is asked and moved in the same transaction. The rows are
 * written out as JSON here, so that it is done while an earlier commit goes on. `usage` is told what it made of the worker's.
 */
export function keep(batch: SourcedBatch, nowMs: number, usage: Pick<Usage, "note">): Writing<readonly Entry[]> {
  const { worker, container, bootID } = batch;
  const records = batch.records.map(bounded);
  const of = { worker, container, boot: bootID };
  const lines = lineRows(records);
  const events: Row[] = [];
  const errors: Row[] = [];
  for (const [offset, record] of records.entries()) {
    const { seq, atMs, instance } = record;
    switch (record.kind) {
      case "log":
      case "lost":
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
  const eventParts = inParts(events);
  const errorParts = inParts(errors);
  const last = records.at(-1)?.seq ?? 0;

  return {
    positions: records.length,
    statements(first) {
      const upTo = first + records.length - 1;
      return [
        readWatermark(of),
        ...lines.runs.map(({ offset, seq, rows }) => insertRun({ ...of, first: first + offset, seq, rows })),
        ...lines.parts.map((rows) => insertLines({ ...of, first, rows })),
        ...eventParts.flatMap((rows) => [insertEvents({ ...of, first, rows }), putInstances({ ...of, rows })]),
        ...errorParts.flatMap((rows) => [insertOccurrences({ ...of, first, rows }), putErrors({ ...of, rows })]),
        ...(lines.runs.length + lines.parts.length > 0 ? [countUsage({ worker, first, upTo })] : []),
        moveWatermark({ ...of, seq: last, position: upTo, nowMs }),
      ];
    },
    kept(done, first) {
      const [watermark] = done;
      // It is counted last but one.
      if (lines.runs.length + lines.parts.length > 0) usage.note(done.at(-2)?.rows ?? []);
      const had = Number(watermark?.rows[0]?.["last_seq"] ?? 0);
      const entries: Entry[] = [];
      for (const [offset, record] of records.entries())
        if (record.seq > had) entries.push(entryOf(record, batch, first + offset));
      return { result: entries, entries };
    },
    found: (entries) => entries,
  };
}

/** Takes in what happened in the house with what it is about, whose positions come first. */
export function append(events: readonly NewEvent[], { runs = [], messages = [] }: About = {}): Writing<readonly EventEntry[]> {
  const parts = inParts(
    events.map(({ atMs, worker, container, instance, group, run, event }, offset) => {
      return [offset, atMs, worker, container, instance, group, run, JSON.stringify(event)];
    }),
  );
  const before = runs.length + messages.length;
  return {
    positions: before + events.length,
    statements: (first) => [
      ...(runs.length === 0 ? [] : putRuns(runs, first)),
      ...(messages.length === 0 ? [] : putMessages(messages, first + runs.length)),
      ...parts.map((rows) => insertHouseEvents({ first: first + before, rows })),
    ],
    kept(_done, first) {
      const entries = events.map(({ atMs, worker, container, instance, group, run, event }, offset): EventEntry => {
        const base = { position: first + before + offset, atMs, worker, container, instance, group, run };
        return { kind: "event", ...base, bootID: null, seq: null, event };
      });
      return { result: entries, entries };
    },
    found: (entries) => entries.filter((entry) => entry.kind === "event"),
  };
}

function bounded(record: WorkerRecord): WorkerRecord {
  return record.kind === "error" ? { ...record, group: boundedError(record.group) } : record;
}
