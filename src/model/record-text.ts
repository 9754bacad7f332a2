import type { ErrorGroup, LogRecord, LostRecord } from "./record.ts";
import { visible } from "./visible.ts";

// A worker's lines and errors as people read them, in `cli-tools` and in `novabot worker` alike: what a process wrote is made harmless.

/** A line that was too long goes on in the next record, and the last one may not have ended. */
export function lineEnd({ part, unended }: LogRecord): string {
  return part === "begins" || part === "goes on" || unended ? "" : "\n";
}

export function logLine({ atMs, instance, stream, level, text }: LogRecord): string {
  return `${timeText(atMs)} ${instance ?? "-"} ${stream === "stdout" ? "out" : "err"} ${(level ?? "-").padEnd(5)} ${visible(text)}\n`;
}

const reasons: Readonly<Record<LostRecord["reason"], string>> = {
  bound: "there was no room for them",
  disk: "the disk did not take them",
  rate: "there were more than the instance may write",
  damaged: "their file cannot be read",
};

export function lostLine({ atMs, instance, lines, bytes, reason }: LostRecord): string {
  return `${timeText(atMs)} ${instance ?? "-"} --- ${lines} lines (${bytes} bytes) are missing: ${reasons[reason]}\n`;
}

export const groupHeadings: readonly string[] = [
  "FINGERPRINT",
  "COUNT",
  "LAST",
  "SEVERITY",
  "CATEGORY",
  "SOURCE",
  "INSTANCE",
  "MESSAGE",
];

/** The cells below those headings. */
export function groupRow(group: ErrorGroup): string[] {
  const { fingerprint, count, lastSeenMs, severity, category, source, instance } = group;
  return [fingerprint, String(count), timeText(lastSeenMs), severity, category, source, instance, titleOf(group)];
}

/** One error as it comes. */
export function groupLine(group: ErrorGroup): string {
  const { lastSeenMs, instance, severity, category, count } = group;
  return `${timeText(lastSeenMs)} ${instance} ${severity} ${category} ${visible(titleOf(group)).replaceAll("\n", "\\n")} (${count})\n`;
}

/** One error with its lines; raw: nothing but them. */
export function groupText(group: ErrorGroup, format: "table" | "raw"): string {
  if (format === "raw") return `${group.lines.join("\n")}\n`;
  const quoted = (lines: readonly string[], mark: string): string => lines.map((line) => `${mark} ${visible(line)}\n`).join("");
  return (
    `${visible(titleOf(group))}\n` +
    `  ${group.severity}, ${group.category}, of ${group.source}, in ${group.instance}; fingerprint ${group.fingerprint}\n` +
    `  seen ${group.count} times, first ${timeText(group.firstSeenMs)}, last ${timeText(group.lastSeenMs)} (record ${group.lastSeq})\n` +
    quoted(group.before, "   ") +
    quoted(group.lines, "  >")
  );
}

/** `-` for none. */
export function timeText(atMs: number | null): string {
  return atMs === null ? "-" : new Date(atMs).toISOString();
}

function titleOf({ name, message }: ErrorGroup): string {
  return name === "" ? message : `${name}: ${message}`;
}
