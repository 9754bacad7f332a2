import { isAscii } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import type { WorkerRecord } from "../../model/record.ts";
import type { LogAnswer, LogQuery } from "../../model/worker-calls.ts";
import type { Boot } from "./boot.ts";
import type { Boots } from "./boots.ts";
import { blockOf, type Frame } from "./frame.ts";
import type { Pages } from "./pages.ts";
import { entryRecord, logRecord, sizeOf, type Unreadable } from "./reading.ts";
import { Scratch } from "./segment.ts";
import { copyPage, loadSpan, type Loaded, type Stretch, stretchAfter, stretchBefore } from "./stretch.ts";

/** Of all records of an answer, about, in JSON; longer ones are cut. */
const ANSWER_BYTES = 16_777_216;
/** So long may a search keep everything else waiting. */
const TURN_MS = 5;

type Found = WorkerRecord & { readonly bootID: string };

/** Looks for what a query asks for, from the oldest on after a number, else from the newest back. */
export class Search {
  readonly #query: LogQuery;
  readonly #boots: Boots;
  readonly #pages: Pages;
  readonly #unreadable: Unreadable;
  readonly #needle: string | undefined;
  readonly #scratch: Scratch = new Scratch();
  readonly #found: Found[] = [];
  #bytes = 0;
  #isIncomplete = false;
  #turnEndsAt = 0;

  constructor(query: LogQuery, boots: Boots, pages: Pages, unreadable: Unreadable) {
    this.#query = query;
    this.#boots = boots;
    this.#pages = pages;
    this.#unreadable = unreadable;
    this.#needle = query.contains?.toLowerCase();
  }

  async answer(): Promise<LogAnswer> {
    const { afterSeq, bootID } = this.#query;
    const { present } = this.#boots;
    const boot = bootID === undefined ? present : this.#boots.find(bootID);
    if (boot === undefined) this.#isIncomplete = true;
    else if (afterSeq !== undefined) await this.#forward(boot, afterSeq);
    else {
      const boots = bootID === undefined ? [...this.#boots.list].reverse() : [boot];
      for (const one of boots) if (!this.#isFull) await this.#backward(one);
      if (bootID === undefined && !this.#isFull && this.#boots.areIncomplete) this.#isIncomplete = true;
      this.#found.reverse();
    }
    // What the size cut off is missing as if it were gone.
    const isCut = this.#bytes >= ANSWER_BYTES;
    return { origin: "container", bootID: present.id, records: this.#found, incomplete: this.#isIncomplete || isCut };
  }

  get #isFull(): boolean {
    return this.#found.length >= this.#query.limit || this.#bytes >= ANSWER_BYTES;
  }

  async #forward(boot: Boot, afterSeq: number): Promise<void> {
    const { untilMs } = this.#query;
    let next = afterSeq;
    let looked = afterSeq;
    while (!this.#isFull) {
      const stretch = stretchAfter(boot, this.#pagesOf(boot), looked);
      if (stretch === undefined) return;
      const loaded = await this.#load(boot, stretch);
      if (loaded === null) continue;
      for (const frame of loaded.frames) {
        if (frame.lastSeq <= next) continue;
        if (untilMs !== undefined && frame.atMs > untilMs) return;
        if (frame.firstSeq > next + 1) {
          this.#takeGap(boot, next + 1, frame.firstSeq - 1, frame.atMs);
          if (next === afterSeq) this.#isIncomplete = true;
        }
        await this.#takeFrame(boot, loaded, frame, Math.max(next + 1, frame.firstSeq), frame.lastSeq, 1);
        if (this.#isFull) return;
        next = frame.lastSeq;
      }
      looked = Math.max(next, stretch.lastSeq);
    }
  }

  async #backward(boot: Boot): Promise<void> {
    const { sinceMs } = this.#query;
    let before = boot.lastSeq + 1;
    let looked = before;
    let laterMs = boot.lastAtMs;
    while (!this.#isFull) {
      const stretch = stretchBefore(boot, this.#pagesOf(boot), looked);
      if (stretch === undefined) break;
      const loaded = await this.#load(boot, stretch);
      if (loaded === null) continue;
      for (let index = loaded.frames.length - 1; index >= 0 && !this.#isFull; index--) {
        const frame = loaded.frames[index];
        if (frame === undefined || frame.firstSeq >= before) continue;
        if (frame.lastSeq < before - 1) this.#takeGap(boot, frame.lastSeq + 1, before - 1, laterMs);
        if (sinceMs !== undefined && frame.atMs < sinceMs) return;
        await this.#takeFrame(boot, loaded, frame, Math.min(before - 1, frame.lastSeq), frame.firstSeq, -1);
        before = frame.firstSeq;
        laterMs = frame.atMs;
      }
      looked = Math.min(before, stretch.firstSeq);
    }
    if (this.#isFull || before === 1 || before - 1 <= boot.clearedAll) return;
    this.#isIncomplete = true;
    const from = Math.max(boot.acknowledged, boot.clearedAll) + 1;
    if (from < before) this.#takeGap(boot, from, before - 1, laterMs);
  }

  #pagesOf(boot: Boot): Pages | null {
    return boot === this.#boots.present ? this.#pages : null;
  }

  async #load(boot: Boot, stretch: Stretch): Promise<Loaded | null> {
    if (stretch.where === "memory") return copyPage(stretch.page);
    const loaded = await loadSpan(stretch, this.#scratch);
    if (loaded === null) this.#unreadable(boot, stretch.segment);
    return loaded;
  }

  /** Takes what is asked for from the frame's records `from` to `to`, both included. */
  async #takeFrame(boot: Boot, loaded: Loaded, frame: Frame, from: number, to: number, step: 1 | -1): Promise<void> {
    const { instances, streams, sinceMs, untilMs, levels } = this.#query;
    if ((sinceMs !== undefined && frame.atMs < sinceMs) || (untilMs !== undefined && frame.atMs > untilMs)) return;
    if (!boot.shows(frame.instance, frame.lastSeq)) return;
    if (frame.instance !== null && instances !== undefined && !instances.includes(frame.instance)) return;
    if (frame.kind === "entry") {
      const record = entryRecord(loaded, frame);
      if (record?.kind === "lost") this.#take(boot, record);
      return;
    }
    if ((streams !== undefined && !streams.includes(frame.stream)) || !this.#mayHold(loaded.buffer, frame)) return;
    const block = blockOf(loaded.buffer, frame);
    if (block === undefined) return this.#takeGap(boot, Math.min(from, to), Math.max(from, to), frame.atMs);
    for (let seq = from; seq !== to + step && !this.#isFull; seq += step) {
      const record = logRecord(block, seq - frame.firstSeq, seq);
      if (record.kind !== "log") continue;
      if (levels !== undefined && (record.level === null || !levels.includes(record.level))) continue;
      if (this.#needle === undefined || record.text.toLowerCase().includes(this.#needle)) this.#take(boot, record);
    }
    if (performance.now() < this.#turnEndsAt) return;
    await setImmediate();
    this.#turnEndsAt = performance.now() + TURN_MS;
  }

  /** False only where no line of the frame holds the text: plain bytes are what the lines' text is. */
  #mayHold(buffer: Buffer, frame: Frame): boolean {
    if (this.#needle === undefined) return true;
    if (!isAscii(buffer.subarray(frame.bodyAt, frame.end))) return true;
    const text = buffer.toString("latin1", frame.bodyAt, frame.end);
    return /[^\t\n -~]/.test(text) || text.toLowerCase().includes(this.#needle);
  }

  #takeGap(boot: Boot, from: number, to: number, atMs: number): void {
    const shown = Math.max(from, boot.clearedAll + 1);
    if (shown <= to && !this.#isFull) this.#take(boot, boot.lost(shown, to, atMs));
  }

  #take(boot: Boot, record: WorkerRecord): void {
    if (record.kind === "lost") {
      const { contains, sinceMs = 0, untilMs = Infinity } = this.#query;
      // Nobody knows whether it was among what is missing; who looks for a text wants lines.
      if (contains !== undefined || record.atMs < sinceMs || record.atMs > untilMs) return;
    }
    this.#found.push({ ...record, bootID: boot.id });
    this.#bytes += sizeOf(record);
  }
}
