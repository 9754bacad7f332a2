import type { ErrorGroup, LogRecord, LostRecord, WorkerRecord } from "../model/record.ts";
import { visible } from "../model/visible.ts";
import { table } from "./output.ts";

// A worker's lines and errors as they are asked for. What a worker wrote is made harmless but for `raw`, which is for files and programs.

export type WorkerFormat = "table" | "json" | "raw";

/** One record: a line for people, a JSON document on a line, or the bytes that the process wrote. */
export function recordBytes(record: WorkerRecord, bootID: string, format: WorkerFormat): string | Uint8Array {
  if (format === "json") return `${JSON.stringify({ bootID, ...record })}\n`;
  if (record.kind === "lost") return format === "raw" ? "" : lostLine(record);
  if (record.kind !== "log") return "";
  if (format === "table") return logLine(record);
  const bytes = record.raw === undefined ? Buffer.from(record.text) : Buffer.from(record.raw, "base64");
  return record.part === "begins" || record.part === "goes on" || record.unended
    ? bytes
    : Buffer.concat([bytes, Buffer.from("\n")]);
}

function logLine({ atMs, instance, stream, level, text }: LogRecord): string {
  return `${timeText(atMs)} ${instance ?? "-"} ${stream === "stdout" ? "out" : "err"} ${(level ?? "-").padEnd(5)} ${visible(text)}\n`;
}

const reasons: Readonly<Record<LostRecord["reason"], string>> = {
  bound: "there was no room for them",
  disk: "the disk did not take them",
  rate: "there were more than the instance may write",
  damaged: "their file cannot be read",
};

function lostLine({ atMs, instance, lines, bytes, reason }: LostRecord): string {
  return `${timeText(atMs)} ${instance ?? "-"} --- ${lines} lines (${bytes} bytes) are missing: ${reasons[reason]}\n`;
}

export function errorsText(groups: readonly ErrorGroup[]): string[] {
  if (groups.length === 0) return ["No errors."];
  const rows = groups.map((group) => [
    group.fingerprint,
    String(group.count),
    timeText(group.lastSeenMs),
    group.severity,
    group.category,
    group.source,
    group.instance,
    titleOf(group),
  ]);
  return table(["FINGERPRINT", "COUNT", "LAST", "SEVERITY", "CATEGORY", "SOURCE", "INSTANCE", "MESSAGE"], rows);
}

/** One error with its lines. */
export function errorText(group: ErrorGroup, format: WorkerFormat): string {
  if (format === "json") return `${JSON.stringify(group)}\n`;
  if (format === "raw") return `${group.lines.join("\n")}\n`;
  const quoted = (lines: readonly string[], mark: string): string => lines.map((line) => `${mark} ${visible(line)}\n`).join("");
  return (
    `${visible(titleOf(group))}\n` +
    `  ${group.severity}, ${group.category}, of ${group.source}, in ${group.instance}; fingerprint ${group.fingerprint}\n` +
    `  seen ${group.count} times, first ${timeText(group.firstSeenMs)}, last ${timeText(group.lastSeenMs)}\n` +
    quoted(group.before, "   ") +
    quoted(group.lines, "  >")
  );
}

function titleOf({ name, message }: ErrorGroup): string {
  return name === "" ? message : `${name}: ${message}`;
}

function timeText(atMs: number): string {
  return new Date(atMs).toISOString();
}
