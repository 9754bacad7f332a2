import type { Entry } from "../../model/entry.ts";
import { type Block, blocksOf } from "./block.ts";

/** Blocks that keep what was made of them for others: whoever keeps up reads from these. */
const WARM_BLOCKS = 16;

/** The newest entries, for all who follow: as much as its bound allows. */
export class Ring {
  /** Everything after this position is here. */
  start: number;
  /** Of the newest entry that was told. */
  position: number;
  readonly #mostBytes: number;
  readonly #onDropped: (block: Block) => void;
  #blocks: (Block | undefined)[] = [];
  /** Blocks before this one are gone. */
  #head = 0;
  #bytes = 0;

  constructor(position: number, mostBytes: number, onDropped: (block: Block) => void) {
    this.start = position;
    this.position = position;
    this.#mostBytes = mostBytes;
    this.#onDropped = onDropped;
  }

  add(entries: readonly Entry[]): void {
    for (const block of blocksOf(entries)) {
      this.#blocks.push(block);
      this.#bytes += block.bytes;
      this.position = Math.max(this.position, block.last);
      this.#blocks.at(-1 - WARM_BLOCKS)?.forget();
    }
    // The newest stays, however large it is.
    while (this.#bytes > this.#mostBytes && this.#head < this.#blocks.length - 1) this.#drop();
    if (this.#head > 1_024 && this.#head * 2 > this.#blocks.length) {
      this.#blocks = this.#blocks.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The block with the first entry after that position. */
  after(position: number): Block | null {
    let [low, high] = [this.#head, this.#blocks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#blocks[middle]?.last ?? 0) > position) high = middle;
      else low = middle + 1;
    }
    return this.#blocks[low] ?? null;
  }

  #drop(): void {
    const block = this.#blocks[this.#head];
    if (!block) return;
    this.#bytes -= block.bytes;
    this.#onDropped(block);
    this.start = Math.max(this.start, block.last);
    this.#blocks[this.#head] = undefined;
    this.#head++;
  }
}
