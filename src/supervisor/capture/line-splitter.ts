import { LINE_LIMIT, type LogStream } from "../../model/record.ts";
import { cutBefore } from "./cut.ts";
import type { LineBlock } from "./line-block.ts";

const NEWLINE = 0x0a;

/** Bytes that are read at once. */
export const CHUNK_BYTES = 65_536;

/** What all streams are read into and split in, one after the other: however many there are, it is there once. */
export interface ReadingMemory {
  /** A chunk is read to its end part; the beginning of an unfinished line is then put right before it. */
  readonly bytes: Buffer;
  readonly ends: Uint32Array;
}

export function readingMemory(): ReadingMemory {
  return { bytes: Buffer.allocUnsafeSlow(LINE_LIMIT + CHUNK_BYTES), ends: new Uint32Array(CHUNK_BYTES + 2) };
}

/** Makes blocks of lines out of one stream's chunks. Keeps no more than the beginning of one line, whatever comes. */
export class LineSplitter {
  readonly #memory: ReadingMemory;
  readonly #of: { readonly instance: string; readonly stream: LogStream };
  readonly #onBlock: (block: LineBlock) => void;
  /** The beginning of a line whose newline has not come. */
  #held: Buffer = Buffer.alloc(0);
  #heldBytes = 0;
  #goesOn = false;

  constructor(
    memory: ReadingMemory,
    of: { readonly instance: string; readonly stream: LogStream },
    onBlock: (block: LineBlock) => void,
  ) {
    this.#memory = memory;
    this.#of = of;
    this.#onBlock = onBlock;
  }

  /** So many bytes have been read to `LINE_LIMIT` in the memory. */
  take(length: number, atMs: number): void {
    const { bytes: memory, ends } = this.#memory;
    const first = LINE_LIMIT - this.#heldBytes;
    this.#held.copy(memory, first, 0, this.#heldBytes);
    const bytes = memory.subarray(first, LINE_LIMIT + length);
    let block = 0;
    let line = 0;
    let lines = 0;
    let lookFrom = this.#heldBytes;
    for (;;) {
      const newline = bytes.indexOf(NEWLINE, lookFrom);
      const lineEnd = newline === -1 ? bytes.length : newline;
      while (lineEnd - line > LINE_LIMIT) {
        const cut = cutBefore(bytes, line, line + LINE_LIMIT);
        ends[lines] = cut - block;
        this.#give(bytes.subarray(block, cut), lines + 1, atMs, true);
        block = cut;
        line = cut;
        lines = 0;
      }
      if (newline === -1) break;
      lookFrom = newline + 1;
      line = lookFrom;
      ends[lines] = lookFrom - block;
      lines += 1;
    }
    if (lines > 0) this.#give(bytes.subarray(block, line), lines, atMs, false);
    this.#hold(bytes, line);
  }

  /** The stream has ended: what is there of a line is a line. */
  end(atMs: number): void {
    if (this.#heldBytes === 0) return;
    this.#memory.ends[0] = this.#heldBytes;
    const bytes = this.#held.subarray(0, this.#heldBytes);
    this.#heldBytes = 0;
    this.#give(bytes, 1, atMs, false);
  }

  #hold(bytes: Buffer, from: number): void {
    const length = bytes.length - from;
    if (length > this.#held.length) this.#held = Buffer.allocUnsafeSlow(Math.min(LINE_LIMIT, Math.max(256, 2 * length)));
    bytes.copy(this.#held, 0, from);
    this.#heldBytes = length;
  }

  #give(bytes: Buffer, lines: number, atMs: number, continues: boolean): void {
    const goesOn = this.#goesOn;
    this.#goesOn = continues;
    this.#onBlock({ ...this.#of, atMs, bytes, ends: this.#memory.ends.subarray(0, lines), goesOn, continues });
  }
}
