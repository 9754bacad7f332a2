import { escapeInvisible, messageOf, NovaError } from "../../model/errors.ts";
import { visible } from "../../model/visible.ts";

// What people read.

/** Rows under headings, columns as wide as their longest cell; the last one runs on. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const safe = [headings, ...rows.map((row) => row.map((cell) => visible(cell).replaceAll("\n", "\\n")))];
  const widths = headings.map((_, column) => Math.max(...safe.map((row) => (row[column] ?? "").length)));
  const lines = safe.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

/** A name and a value on each line. */
export function fields(rows: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${visible(value).replaceAll("\n", "\\n")}\n`).join("");
}

/** JSON of which nothing acts on a terminal. */
export function json(value: unknown): string {
  return `${escapeInvisible(JSON.stringify(value, null, 2))}\n`;
}

export function jsonLine(value: unknown): string {
  return `${escapeInvisible(JSON.stringify(value))}\n`;
}

/** `340 ms`, `12 s`, `5 min`, `3 h`, `7 days`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}

/** What, where, what next, and its code. */
export function errorText(thrown: unknown): string {
  const { code, message, place, next } = asNovaError(thrown);
  return [
    `error ${visible(message)}`,
    ...(place === undefined ? [] : [`  at    ${visible(place)}`]),
    `  next  ${visible(next)}`,
    `  code  ${code}`,
  ].join("\n");
}

/** The same for `--format json`. */
export function errorDocument(thrown: unknown): unknown {
  const { code, message, place, next } = asNovaError(thrown);
  return { error: { code, message, place: place ?? null, next } };
}

export function asNovaError(thrown: unknown): NovaError {
  return thrown instanceof NovaError ? thrown : new NovaError("INTERNAL", messageOf(thrown), { cause: thrown });
}
