import type { Finding } from "../findings/finding.ts";
import type { Edit } from "../source/edit.ts";

/** What one file becomes. */
export interface FilePlan {
  /** Absolute. */
  readonly file: string;
  readonly before: string;
  readonly after: string;
  /** In the file's order; none overlaps another. */
  readonly edits: readonly Edit[];
}

export interface FixPlan {
  readonly files: readonly FilePlan[];
  /** Findings that the plan mends. */
  readonly mended: readonly Finding[];
  /** Findings that wait for another round, since what they change overlaps what another one changes. */
  readonly waiting: readonly Finding[];
}

/**
 * What the findings' own edits make of the files. All edits of a finding are taken or none; of findings whose edits overlap, the first
 * one's. The same edit of two findings is made once, and insertions at one place follow each other.
 */
export function planFixes(findings: readonly Finding[], sources: ReadonlyMap<string, string>): FixPlan {
  const taken = new Map<string, TakenEdits>();
  const takenOf = (file: string): TakenEdits => {
    const known = taken.get(file) ?? new TakenEdits();
    taken.set(file, known);
    return known;
  };
  const mended: Finding[] = [];
  const waiting: Finding[] = [];
  for (const finding of findings) {
    const edits = finding.edits ?? [];
    if (!edits.length || !edits.every((edit) => isWithin(edit, sources.get(edit.file)))) continue;
    const fresh = edits.filter((edit) => !takenOf(edit.file).has(edit));
    const clashes = fresh.some(
      (edit, index) =>
        takenOf(edit.file).overlaps(edit) ||
        fresh.slice(0, index).some((other) => other.file === edit.file && (isSame(edit, other) || overlaps(edit, other))),
    );
    if (clashes) {
      waiting.push(finding);
      continue;
    }
    for (const edit of fresh) takenOf(edit.file).add(edit);
    mended.push(finding);
  }
  const files = [...taken].map(([file, { edits }]): FilePlan => {
    const before = sources.get(file) ?? "";
    return { file, before, after: applied(before, edits), edits };
  });
  return { files: files.filter(({ before, after }) => before !== after), mended, waiting };
}

/** Edits of one file in its order, none of which overlaps another: neighbours are found by halves, since files may have thousands. */
class TakenEdits {
  readonly edits: Edit[] = [];

  has(edit: Edit): boolean {
    return this.#near(edit).some((other) => isSame(edit, other));
  }

  overlaps(edit: Edit): boolean {
    return this.#near(edit).some((other) => overlaps(edit, other));
  }

  /** Insertions at one place stay in the order in which they came. */
  add(edit: Edit): void {
    const at = this.#first(({ start, end }) => start > edit.start || (start === edit.start && end > edit.end));
    this.edits.splice(at, 0, edit);
  }

  #near(edit: Edit): Edit[] {
    const near: Edit[] = [];
    for (let at = this.#first(({ end }) => end >= edit.start); at < this.edits.length; at++) {
      const other = this.edits[at];
      if (!other || other.start > edit.end) break;
      near.push(other);
    }
    return near;
  }

  #first(holds: (edit: Edit) => boolean): number {
    let low = 0;
    let high = this.edits.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const edit = this.edits[middle];
      if (edit && holds(edit)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function applied(text: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const edit of edits) {
    parts.push(text.slice(at, edit.start), edit.text);
    at = edit.end;
  }
  parts.push(text.slice(at));
  return parts.join("");
}

function isWithin({ start, end }: Edit, text: string | undefined): boolean {
  return text !== undefined && start >= 0 && start <= end && end <= text.length;
}

function isSame(a: Edit, b: Edit): boolean {
  return a.start === b.start && a.end === b.end && a.text === b.text;
}

/** Two insertions at one place do not overlap; an insertion at the edge of a replacement does: which comes first is a decision. */
function overlaps(a: Edit, b: Edit): boolean {
  if (a.start === a.end && b.start === b.end) return false;
  if (a.start === a.end || b.start === b.end) return a.start <= b.end && b.start <= a.end;
  return a.start < b.end && b.start < a.end;
}
