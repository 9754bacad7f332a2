import type { FilePlan } from "./plan.ts";

const CONTEXT = 3;

interface Hunk {
  /** Lines of the old text, [`from`, `to`), counted from 0. */
  readonly from: number;
  readonly to: number;
  /** Lines of the new text, the same. */
  readonly newFrom: number;
  readonly newTo: number;
}

/** The plan of one file as a unified diff, which `patch -p1` and `git apply` take. `path` is the file's name in it. */
export function unifiedDiff(plan: FilePlan, path: string): string[] {
  const before = linesOf(plan.before);
  const after = linesOf(plan.after);
  const lines: string[] = [];
  for (const group of grouped(hunks(plan).flatMap((hunk) => trimmed(hunk, before, after)))) {
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

/** What lies between the lines that all edits leave as they are, in both texts. */
function hunks({ before, after, edits }: FilePlan): Hunk[] {
  const old = linesOf(before);
  const fresh = linesOf(after);
  const newLineAt = new Map<number, number>();
  let offset = 0;
  for (const [line, { length }] of fresh.entries()) {
    newLineAt.set(offset, line);
    offset += length;
  }
  const found: Hunk[] = [];
  let from = 0;
  let newFrom = 0;
  let start = 0;
  let shift = 0;
  let next = 0;
  for (const [line, text] of old.entries()) {
    for (let edit = edits[next]; edit && edit.end <= start; edit = edits[++next]) {
      shift += edit.text.length - (edit.end - edit.start);
    }
    const newLine = newLineAt.get(start + shift);
    const isWithinEdit = (edits[next]?.start ?? Infinity) < start;
    start += text.length;
    if (isWithinEdit || newLine === undefined || newLine < newFrom || fresh[newLine] !== text) continue;
    if (line > from || newLine > newFrom) found.push({ from, to: line, newFrom, newTo: newLine });
    from = line + 1;
    newFrom = newLine + 1;
  }
  return [...found, { from, to: old.length, newFrom, newTo: fresh.length }];
}

/** The hunk without the lines at its ends that stay as they are; nothing when all do. */
function trimmed(hunk: Hunk, before: readonly string[], after: readonly string[]): Hunk[] {
  let { from, to, newFrom, newTo } = hunk;
  for (; from < to && newFrom < newTo && before[from] === after[newFrom]; from++) newFrom++;
  for (; to > from && newTo > newFrom && before[to - 1] === after[newTo - 1]; to--) newTo--;
  return from === to && newFrom === newTo ? [] : [{ from, to, newFrom, newTo }];
}

/** Hunks that lie near each other. */
function grouped(all: readonly Hunk[]): Hunk[][] {
  const groups: Hunk[][] = [];
  for (const hunk of all) {
    const before = groups.at(-1)?.at(-1);
    if (before && hunk.from - before.to <= 2 * CONTEXT) groups.at(-1)?.push(hunk);
    else groups.push([hunk]);
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
