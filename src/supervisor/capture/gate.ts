import type { InstanceSpec } from "../../model/instance.ts";
import type { ErrorWatch } from "../errors/error-watch.ts";
import type { Journal } from "../records/journal.ts";
import { Allowance } from "./allowance.ts";
import type { LineBlock } from "./line-block.ts";
import { copyOfBlock, partOfBlock } from "./part-of-block.ts";

/** A sampled flood tells of what it left out at least this often. */
const TELL_MS = 1_000;

export interface Sink {
  readonly journal: Pick<Journal, "appendLines" | "append" | "full" | "room">;
  readonly errors: Pick<ErrorWatch, "look" | "ended">;
}

/**
 * Between both streams of a start and the journal: lets lines through as the instance's limit allows. Beyond it, lines wait here and reading
 * stops (`slow`), or they are left out and counted (`sample`).
 */
export class Gate {
  readonly #instance: string;
  readonly #sink: Sink;
  readonly #allowance: Allowance | null;
  readonly #overflow: "slow" | "sample";
  readonly #onRoom: () => void;
  #waiting: LineBlock[] = [];
  #timer: NodeJS.Timeout | undefined;
  #leftOut = { lines: 0, bytes: 0 };
  /** Streams with a line that has lost a part, the rest of which would make no sense. */
  readonly #broken: Set<string> = new Set();

  /** `onRoom` is called when a gate that was closed opens again. */
  constructor({ id, output }: Pick<InstanceSpec, "id" | "output">, sink: Sink, clock: () => number, onRoom: () => void) {
    this.#instance = id;
    this.#sink = sink;
    this.#allowance = output.linesPerSecond === null ? null : new Allowance(output.linesPerSecond, clock);
    this.#overflow = output.overflow;
    this.#onRoom = onRoom;
  }

  /** Nothing more should be read. */
  get isClosed(): boolean {
    return this.#waiting.length > 0;
  }

  take(block: LineBlock): void {
    if (this.#allowance === null) this.#pass(block);
    else if (this.#overflow === "sample") this.#sample(block, this.#allowance);
    else if (this.isClosed) this.#waiting.push(copyOfBlock(block));
    else this.#slow(block, this.#allowance);
  }

  /** No limit any more for what waits: nothing comes behind it. */
  end(): void {
    clearTimeout(this.#timer);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const block of waiting) this.#pass(block);
    this.#tell();
  }

  #pass(block: LineBlock): void {
    this.#sink.errors.look(block, this.#sink.journal.appendLines(block));
  }

  #slow(block: LineBlock, allowance: Allowance): void {
    const lines = block.ends.length;
    const allowed = allowance.take(lines);
    if (allowed > 0) this.#pass(partOfBlock(block, 0, allowed));
    if (allowed === lines) return;
    const rest = copyOfBlock(partOfBlock(block, allowed, lines));
    this.#waiting.unshift(rest);
    this.#timer = setTimeout(() => this.#goOn(allowance), allowance.waitMs(rest.ends.length));
  }

  #goOn(allowance: Allowance): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const before = this.#waiting.length;
      this.#slow(next, allowance);
      if (this.#waiting.length > before) return;
    }
    this.#onRoom();
  }

  #sample(block: LineBlock, allowance: Allowance): void {
    const lines = block.ends.length;
    const first = block.goesOn && this.#broken.has(block.stream) ? 1 : 0;
    const kept = first + allowance.take(lines - first);
    if (first > 0) this.#leaveOut(partOfBlock(block, 0, first));
    if (kept > first) {
      this.#tell();
      this.#pass(partOfBlock(block, first, kept));
    }
    if (kept < lines) this.#leaveOut(partOfBlock(block, kept, lines));
    if (block.continues && (kept < lines || (first > 0 && lines === 1))) this.#broken.add(block.stream);
    else this.#broken.delete(block.stream);
  }

  #leaveOut(block: LineBlock): void {
    if (this.#leftOut.lines === 0) this.#timer = setTimeout(() => this.#tell(), TELL_MS);
    this.#leftOut.lines += block.ends.length;
    this.#leftOut.bytes += block.bytes.length;
  }

  #tell(): void {
    const { lines, bytes } = this.#leftOut;
    if (lines === 0) return;
    clearTimeout(this.#timer);
    this.#leftOut = { lines: 0, bytes: 0 };
    this.#sink.journal.append({
      kind: "lost",
      instance: this.#instance,
      lost: { reason: "rate", from: null, to: null, lines, bytes },
    });
  }
}
