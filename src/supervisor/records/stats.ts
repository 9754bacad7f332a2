import { setImmediate } from "node:timers/promises";
import { levelOf } from "../capture/record-of.ts";
import type { Boot } from "./boot.ts";
import type { Boots } from "./boots.ts";
import { blockOf, type Frame } from "./frame.ts";
import { framesOf, type Pages } from "./pages.ts";
import type { Unreadable } from "./reading.ts";
import { Scratch, type Segment, SPAN_LIMIT } from "./segment.ts";
import { copyPage, loadSpan, type Loaded } from "./stretch.ts";
import { addToTally, joinTallies, noLevels, type Tally } from "./tally.ts";

const TURN_MS = 5;

/** Lines that are shown, by instance. */
export function tallyAll(boots: Boots, pages: Pages): Map<string, Tally> {
  const all = new Map<string, Tally>();
  for (const boot of boots.list) for (const segment of boot.segments) joinTallies(all, segment.tallies);
  for (const page of pages.list) for (const frame of framesOf(page, page.written)) noteLines(all, boots.present, frame);
  return all;
}

function noteLines(tallies: Map<string, Tally>, boot: Boot, frame: Frame): Tally | null {
  if (frame.kind !== "lines" || frame.instance === null || !boot.shows(frame.instance, frame.lastSeq)) return null;
  const lines = frame.lastSeq - frame.firstSeq + 1;
  return addToTally(tallies, frame.instance, lines, frame.end - frame.bodyAt, frame.atMs, frame.atMs);
}

/** Counts levels, which costs a look at each line: of what is in files only once. */
export class LevelCount {
  readonly #boots: Boots;
  readonly #pages: Pages;
  readonly #unreadable: Unreadable;
  readonly #scratch: Scratch = new Scratch();
  #running: Promise<unknown> = Promise.resolve();
  #turnEndsAt = 0;

  constructor(boots: Boots, pages: Pages, unreadable: Unreadable) {
    this.#boots = boots;
    this.#pages = pages;
    this.#unreadable = unreadable;
  }

  /** Like `tallyAll`, with levels. */
  async count(): Promise<Map<string, Tally>> {
    const mine = this.#running.then(() => this.#count());
    this.#running = mine.catch(() => undefined);
    return mine;
  }

  async #count(): Promise<Map<string, Tally>> {
    for (const boot of [...this.#boots.list]) for (const segment of [...boot.segments]) await this.#countSegment(boot, segment);
    const all = new Map<string, Tally>();
    for (const boot of this.#boots.list) for (const segment of boot.segments) joinTallies(all, segment.tallies);
    // What is in memory is copied at once: while it is looked at, it may go to disk.
    const { present } = this.#boots;
    const rest: Loaded[] = [];
    for (const page of this.#pages.list) {
      const { buffer, frames } = copyPage(page);
      rest.push({ buffer, frames: frames.filter((frame) => frame.at >= page.written), isOwn: true });
    }
    for (const loaded of rest)
      for (const frame of loaded.frames) {
        const tally = noteLines(all, present, frame);
        if (tally !== null) await this.#countFrame(loaded, frame, tally);
      }
    return all;
  }

  async #countSegment(boot: Boot, segment: Segment): Promise<void> {
    while (segment.countedTo < segment.size && boot.segments.includes(segment)) {
      const from = segment.countedTo;
      const next = segment.spans.find((span) => span.at > from);
      const end = next?.at ?? segment.size;
      const lastSeq = next === undefined ? segment.lastSeq : next.firstSeq - 1;
      const to = Math.min(end, from + SPAN_LIMIT);
      const stretch = { where: "disk", segment, from, to, firstSeq: segment.firstSeq, lastSeq } as const;
      const loaded = await loadSpan(stretch, this.#scratch);
      if (loaded === null) return this.#unreadable(boot, segment);
      for (const frame of loaded.frames) {
        const tally = frame.instance === null ? undefined : segment.tallies.get(frame.instance);
        if (tally !== undefined && frame.kind === "lines" && boot.shows(frame.instance, frame.lastSeq))
          await this.#countFrame(loaded, frame, tally);
      }
      segment.countedTo = end;
    }
  }

  async #countFrame({ buffer }: Loaded, frame: Frame, tally: Tally): Promise<void> {
    const block = blockOf(buffer, frame);
    if (block === undefined) return;
    const levels = (tally.levels ??= noLevels());
    for (let line = 0; line < block.ends.length; line++) levels[levelOf(block, line) ?? "none"]++;
    if (performance.now() < this.#turnEndsAt) return;
    await setImmediate();
    this.#turnEndsAt = performance.now() + TURN_MS;
  }
}
