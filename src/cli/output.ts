import pc from "picocolors";
import { escapeInvisible, NovaError, messageOf } from "../model/errors.ts";
import { visible } from "../model/visible.ts";

export { visible };

/** Rows under headings, columns as wide as their longest cell; the last one runs on. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  // Names of files and images may hold anything.
  const safe = rows.map((row) => row.map((cell) => visible(cell).replaceAll("\n", "\\n")));
  const widths = headings.map((heading, column) => Math.max(heading.length, ...safe.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join("  ");
  return [pc.dim(line(headings)), ...safe.map(line)];
}

/** A JSON document on a line; with a terminal behind it nothing of it acts. */
export function jsonLine(value: unknown): string {
  return `${escapeInvisible(JSON.stringify(value))}\n`;
}

/** An error as a person reads it: what, where, what next, and its code. */
export function describeError(thrown: unknown): string[] {
  const error = asNovaError(thrown);
  return [
    `${pc.red("error")} ${visible(error.message)}`,
    ...(error.place ? [`  ${pc.dim("at")}    ${visible(error.place)}`] : []),
    `  ${pc.dim("next")}  ${visible(error.next)}`,
    `  ${pc.dim("code")}  ${error.code}`,
  ];
}

/** The same for `--json`. */
export function errorDocument(thrown: unknown): unknown {
  const { code, message, place, next, facts } = asNovaError(thrown);
  return { error: { code, message, place: place ?? null, next, facts } };
}

/** An error that nobody foresaw is one of NovaBot's own. */
function asNovaError(thrown: unknown): NovaError {
  return thrown instanceof NovaError ? thrown : new NovaError("INTERNAL", messageOf(thrown), { cause: thrown });
}

/** `ms` for people: `340 ms`, `12.3 s`, `5 min`, `24 h`, `7 days`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}
