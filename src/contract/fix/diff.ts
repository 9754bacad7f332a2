import type { FilePlan } from "./plan.ts";

const CONTEXT = 3;

interface Hunk {
  /** Lines of the old text, [`from`, `to`), counted from 0. */
  from: number;
  to: number;
  /** Lines of the new text, the same. */
  newFrom: number;
  newTo: number;
}

/** The plan of one file as a unified diff, which `patch -p1` and `git apply` take. `path` is the file's name in it. */
export function unifiedDiff(plan: FilePlan, path: string): string[] {
  const before = linesOf(plan.before);
  const after = linesOf(plan.after);
  const lines: string[] = [];
  for (const group of grouped(hunks(plan), before.length, after.length)) {
    const first = group[0];
    const last = group.at(-1);
    if (!first || !last) continue;
    const from = Math.max(0, first.from - CONTEXT);
    const to = Math.min(before.length, last.to + CONTEXT);
    const newFrom = first.newFrom - (first.from - from);
    const newTo = last.newTo + (to - last.to);
    lines.push(`@@ -${range(from, to)} +${range(newFrom, newTo)} @@`);
    let at = from;
    for (const hunk of group) {
      lines.push(
        ...before.slice(at, hunk.from).flatMap((line) => told(" ", line)),
        ...before.slice(hunk.from, hunk.to).flatMap((line) => told("-", line)),
        ...after.slice(hunk.newFrom, hunk.newTo).flatMap((line) => told("+", line)),
      );
      at = hunk.to;
    }
    lines.push(...before.slice(at, to).flatMap((line) => told(" ", line)));
  }
  return lines.length ? [`--- a/${path}`, `+++ b/${path}`, ...lines] : [];
}

/** The whole lines that each edit changes, in both texts; edits that touch the same line are one. */
function hunks({ before, after, edits }: FilePlan): Hunk[] {
  const found: Hunk[] = [];
  const old = lineStarts(before);
  const fresh = lineStarts(after);
  let shift = 0;
  for (const { start, end, text } of edits) {
    const newStart = start + shift;
    const newEnd = newStart + text.length;
    shift += text.length - (end - start);
    // Whole lines put between two lines change neither.
    const atLine = old[lineAt(old, start)] === start;
    const isWhole = atLine && (text === "" || text.endsWith("\n")) && (end === start || before.charAt(end - 1) === "\n");
    const from = lineAt(old, start);
    const newFrom = lineAt(fresh, newStart);
    const to = isWhole ? lineAt(old, end) : lineAt(old, end) + 1;
    const newTo = isWhole ? lineAt(fresh, newEnd) : lineAt(fresh, newEnd) + 1;
    const last = found.at(-1);
    if (last && from <= last.to) {
      last.to = Math.max(last.to, to);
      last.newTo = Math.max(last.newTo, newTo);
    } else found.push({ from, to, newFrom, newTo });
  }
  return found;
}

/** Hunks that lie near each other. At a text's end there may be one line less than its line breaks say. */
function grouped(all: readonly Hunk[], count: number, newCount: number): Hunk[][] {
  const groups: Hunk[][] = [];
  for (const hunk of all) {
    const one = { ...hunk, to: Math.min(hunk.to, count), newTo: Math.min(hunk.newTo, newCount) };
    const before = groups.at(-1)?.at(-1);
    if (before && one.from - before.to <= 2 * CONTEXT) groups.at(-1)?.push(one);
    else groups.push([one]);
  }
  return groups;
}

function told(mark: string, line: string): string[] {
  return line.endsWith("\n") ? [`${mark}${line.slice(0, -1)}`] : [`${mark}${line}`, "\\ No newline at end of file"];
}

function range(from: number, to: number): string {
  const count = to - from;
  // Of an empty range the line before it is told.
  return count === 1 ? String(from + 1) : `${count === 0 ? from : from + 1},${count}`;
}

/** Lines with their ends. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** The line that an offset lies on, from 0. */
function lineAt(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
