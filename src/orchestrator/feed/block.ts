import type { Entry } from "../../model/entry.ts";
import type { Sieve } from "./sieve.ts";

/** What a sieve took of a block. */
export interface Selection {
  readonly entries: readonly Entry[];
  /** As a JSON array. */
  text(): string;
}

/** Entries that follow one another and come from one source: they mostly come in runs, so that most sieves look at the first alone. */
interface Run {
  readonly worker: string | null;
  readonly container: string | null;
  readonly entries: readonly Entry[];
  /** Their JSON with commas between, once it was made. */
  text: string | null;
}

const MOST_ENTRIES = 4_096;
const MOST_BYTES = 524_288;
/** Of an entry's JSON without its text. */
const FRAME = 256;

/** Entries that readers get at once, with what was already made of them for others. */
export class Block {
  /** Positions of the first and the last entry. */
  readonly first: number;
  readonly last: number;
  /** About what its JSON takes. */
  readonly bytes: number;
  readonly #runs: readonly Run[];
  readonly #selections = new Map<string, Selection>();

  constructor(entries: readonly Entry[], bytes: number) {
    this.first = entries[0]?.position ?? 0;
    this.last = entries.at(-1)?.position ?? 0;
    this.bytes = bytes;
    this.#runs = runsOf(entries);
  }

  /** Those after the position `after` that the sieve takes. */
  select(sieve: Sieve, after: number): Selection {
    const all = this.#selections.get(sieve.key) ?? this.#sift(sieve);
    if (after < this.first) return all;
    const entries = all.entries.filter(({ position }) => position > after);
    return { entries, text: () => JSON.stringify(entries) };
  }

  #sift(sieve: Sieve): Selection {
    const runs: Run[] = [];
    for (const run of this.#runs) {
      if (!sieve.takesSource(run.worker, run.container)) continue;
      if (sieve.bySourceAlone) runs.push(run);
      else {
        const entries = run.entries.filter((entry) => sieve.takes(entry));
        if (entries.length === run.entries.length) runs.push(run);
        else if (entries.length > 0) runs.push({ ...run, entries, text: null });
      }
    }
    let text: string | null = null;
    const selection: Selection = {
      entries: runs.length === 1 ? (runs[0]?.entries ?? []) : runs.flatMap(({ entries }) => entries),
      text: () => (text ??= `[${runs.map(textOf).join(",")}]`),
    };
    this.#selections.set(sieve.key, selection);
    return selection;
  }

  /** Forgets what was made for others; it is made anew for whoever comes late. */
  forget(): void {
    this.#selections.clear();
    for (const run of this.#runs) run.text = null;
  }
}

/** Entries in blocks that one message each can hold. */
export function blocksOf(entries: readonly Entry[]): readonly Block[] {
  const blocks: Block[] = [];
  let from = 0;
  let bytes = 0;
  for (const [index, entry] of entries.entries()) {
    const size = sizeOf(entry);
    if (index > from && (index - from >= MOST_ENTRIES || bytes + size > MOST_BYTES)) {
      blocks.push(new Block(entries.slice(from, index), bytes));
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (entries.length > from) blocks.push(new Block(from === 0 ? entries : entries.slice(from), bytes));
  return blocks;
}

function sizeOf(entry: Entry): number {
  if (entry.kind === "log") return FRAME + entry.text.length + (entry.raw?.length ?? 0);
  if (entry.kind === "error")
    return FRAME * 2 + lengthOf(entry.error.lines) + lengthOf(entry.error.before) + entry.error.message.length;
  return FRAME * 4;
}

function lengthOf(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + line.length + 3, 0);
}

function runsOf(entries: readonly Entry[]): readonly Run[] {
  const runs: Run[] = [];
  let from = 0;
  for (let index = 1; index <= entries.length; index++) {
    const [entry, first] = [entries[index], entries[from]];
    if (first === undefined || (entry && entry.worker === first.worker && entry.container === first.container)) continue;
    runs.push({ worker: first.worker, container: first.container, entries: entries.slice(from, index), text: null });
    from = index;
  }
  return runs;
}

function textOf(run: Run): string {
  return (run.text ??= JSON.stringify(run.entries).slice(1, -1));
}
