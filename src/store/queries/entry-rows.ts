import type { Entry, LogEntry, LostEntry } from "../../model/entry.ts";
import type { ErrorGroup, LogLevel, LogStream } from "../../model/record.ts";

/** What every statement over entries gives, from whichever table. */
export interface EntryRow {
  readonly position: number;
  readonly kind: "log" | "error" | "event";
  readonly at_ms: number;
  readonly worker_name: string | null;
  readonly container_name: string | null;
  readonly instance_id: string | null;
  readonly group_folder: string | null;
  readonly run_id: string | null;
  readonly boot_id: string | null;
  readonly seq: number | null;
  readonly stream: LogStream | null;
  readonly level: LogLevel | null;
  readonly text: string | null;
  /** JSON: what seldom stands in a line, or all of an error or event. */
  readonly more: string | null;
}

export function entryOf(row: EntryRow): Entry {
  const base = {
    position: row.position,
    atMs: row.at_ms,
    worker: row.worker_name,
    container: row.container_name,
    instance: row.instance_id,
    group: row.group_folder,
    run: row.run_id,
  };
  if (row.kind === "event") {
    return { kind: "event", ...base, bootID: row.boot_id, seq: row.seq, event: JSON.parse(row.more ?? "null") };
  }
  const origin = { bootID: row.boot_id ?? "", seq: row.seq ?? 0 };
  if (row.kind === "error") {
    return { kind: "error", ...base, ...origin, error: JSON.parse(row.more ?? "null") as ErrorGroup };
  }
  const more = row.more === null ? {} : (JSON.parse(row.more) as object);
  if (row.stream === null) return { kind: "lost", ...base, ...origin, ...more } as LostEntry;
  return { kind: "log", ...base, ...origin, stream: row.stream, level: row.level, text: row.text ?? "", ...more };
}

export const logOf = (row: EntryRow): LogEntry | LostEntry => entryOf(row) as LogEntry | LostEntry;
