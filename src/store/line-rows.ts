import type { LogRecord, WorkerRecord } from "../model/record.ts";
import { moreOf } from "./entries.ts";
import { inParts, PART_LIMIT, type Row } from "./row-parts.ts";

/** Plain lines whose numbers and places follow on one another: a row needs neither. */
export interface Run {
  /** Place of the first in its batch, and its number. */
  readonly offset: number;
  readonly seq: number;
  /** JSON: atMs, instance, stream, level and text of each. */
  readonly rows: string;
}

export interface LineRows {
  /** Nearly all lines are in one. */
  readonly runs: readonly Run[];
  /** JSON: offset, seq, atMs, instance, stream, level, text and more of each of the others, and of what was lost. */
  readonly parts: readonly string[];
}

/** Shorter ones do not pay for a statement of their own. */
const LEAST_RUN = 16;

/** The lines of a batch, and what it tells of lost ones, as they are put in. */
export function lineRows(records: readonly WorkerRecord[]): LineRows {
  const runs: Run[] = [];
  const others: Row[] = [];
  for (let from = 0; from < records.length;) {
    const to = endOfRun(records, from);
    if (to - from >= LEAST_RUN) {
      const lines = records.slice(from, to) as readonly LogRecord[];
      const rows = JSON.stringify(lines.map(({ atMs, instance, stream, level, text }) => [atMs, instance, stream, level, text]));
      runs.push({ offset: from, seq: lines[0]?.seq ?? 0, rows });
      from = to;
      continue;
    }
    for (const end = Math.max(to, from + 1); from < end; from += 1) {
      const record = records[from];
      if (record?.kind === "log")
        others.push([from, record.seq, record.atMs, record.instance, record.stream, record.level, record.text, moreOf(record)]);
      else if (record?.kind === "lost")
        others.push([from, record.seq, record.atMs, record.instance, null, null, "", moreOf(record)]);
    }
  }
  return { runs, parts: inParts(others) };
}

/** The place after the run that begins at `from`. */
function endOfRun(records: readonly WorkerRecord[], from: number): number {
  const first = records[from]?.seq ?? 0;
  let length = 0;
  let to = from;
  for (; to < records.length; to += 1) {
    const record = records[to];
    if (record?.kind !== "log" || record.seq !== first + (to - from) || moreOf(record) !== null) break;
    length += record.text.length + 64;
    if (length > PART_LIMIT && to > from) break;
  }
  return to;
}
