import type { Place } from "../source/place.ts";
import { cells, type Cell } from "./cells.ts";
import type { Quotes } from "./quotes.ts";

/** How much of a line is shown, in columns of the terminal. */
const WIDEST = 110;
/** How many code units around the place are looked at: a line may be as long as the file. */
const REACH = 400;

export interface Excerpt {
  /** The line's number and text: ` 12 |     user: root`. */
  readonly quoted: string;
  /** The same width of nothing, then carets under the value: `    |           ^^^^`. */
  readonly marked: string;
}

/**
 * The line of `place` with its value underlined; of a value over several lines, its first. The line is cut around the value when it is
 * long. Undefined when the line was not read.
 */
export function excerpt(quotes: Quotes, place: Place): Excerpt | undefined {
  const text = quotes.line(place.file, place.line);
  if (text === undefined) return undefined;
  const start = Math.min(place.column - 1, text.length);
  const end = place.endLine > place.line ? text.trimEnd().length : Math.min(place.endColumn - 1, text.length);
  const cut = window(text, start, Math.max(end, start + 1));
  const number = String(place.line);
  const more = place.endLine > place.line ? ` to line ${place.endLine}` : "";
  return {
    quoted: ` ${number} | ${cut.text}`.trimEnd(),
    marked: ` ${" ".repeat(number.length)} | ${" ".repeat(cut.before)}${"^".repeat(cut.marked)}${more}`,
  };
}

/** The part of a line around [`start`, `end`): its text, the columns before the value, and the value's columns. */
function window(line: string, start: number, end: number): { text: string; before: number; marked: number } {
  const from = start > REACH ? boundary(line, start - REACH) : 0;
  const to = boundary(line, Math.min(line.length, Math.max(start, from) + 2 * REACH));
  const all = cells(line.slice(from, to)).map((cell) => ({ ...cell, index: cell.index + from }));
  const isBefore = (cell: Cell): boolean => cell.index + 1 <= start;
  const isMarked = (cell: Cell): boolean => cell.index >= start && cell.index < end;

  // The value begins within the first two thirds of what is shown; as much of what comes before as has room.
  let first = all.findIndex((cell) => !isBefore(cell));
  if (first === -1) first = all.length;
  const valueWidth = sum(all.filter(isMarked));
  const room = Math.max(20, Math.min(WIDEST - valueWidth, Math.floor((WIDEST * 2) / 3)));
  let left = first;
  let before = 0;
  const fits = sum(all) <= WIDEST && from === 0 && to === line.length;
  while (left > 0 && (fits || before + (all[left - 1]?.width ?? 0) <= room)) before += all[--left]?.width ?? 0;
  let right = left;
  let width = 0;
  while (right < all.length && (fits || width + (all[right]?.width ?? 0) <= WIDEST)) width += all[right++]?.width ?? 0;

  const shown = all.slice(left, right);
  const head = left > 0 || from > 0 ? "…" : "";
  const tail = right < all.length || to < line.length ? "…" : "";
  return {
    text: head + shown.map((cell) => cell.text).join("") + tail,
    before: head.length + sum(shown.filter(isBefore)),
    marked: Math.max(1, sum(shown.filter(isMarked))),
  };
}

function sum(some: readonly Cell[]): number {
  return some.reduce((width, cell) => width + cell.width, 0);
}

/** `at`, or one before it where it would part a character's two halves. */
function boundary(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return at > 0 && code >= 0xdc00 && code <= 0xdfff ? at - 1 : at;
}
