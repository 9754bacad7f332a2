import type { ErrorGroup } from "../../model/record.ts";
import { visible } from "../../model/visible.ts";
import type { Format } from "./format.ts";
import { table, timeText } from "./text.ts";

export function groupsText(groups: readonly ErrorGroup[]): string {
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

/** One error as it comes. */
export function groupLine(group: ErrorGroup): string {
  const { lastSeenMs, instance, severity, category, count } = group;
  return `${timeText(lastSeenMs)} ${instance} ${severity} ${category} ${visible(titleOf(group)).replaceAll("\n", "\\n")} (${count})\n`;
}

/** With its lines; raw: nothing but them. */
export function groupText(group: ErrorGroup, format: Format): string {
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

function titleOf({ name, message }: ErrorGroup): string {
  return name === "" ? message : `${name}: ${message}`;
}
