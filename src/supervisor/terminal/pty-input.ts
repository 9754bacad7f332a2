import { writeSync } from "node:fs";
import { hasCode } from "../../model/errors.ts";

const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 20;
/** Small pieces that wait are gathered into one of this size: by themselves they take a hundred times their bytes. */
const PIECE = 16_384;

/**
 * What is typed into a terminal, until the program takes it. libuv must not write it: to this side of a pseudoterminal it writes as if it were
 * blocking, so that a program which reads nothing would stop the whole event loop.
 */
export class PtyInput {
  /** Bytes that wait. */
  pending = 0;
  readonly #fd: number;
  #waiting: Uint8Array[] = [];
  /** The memory of the last one that waits, where more fits in behind it. */
  #open: { readonly memory: Uint8Array; filled: number } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #pauseMs = FIRST_PAUSE_MS;
  readonly #isOpen: () => boolean;
  #isClosed = false;

  /** `isOpen`: the descriptor is still the terminal's. */
  constructor(fd: number, isOpen: () => boolean) {
    this.#fd = fd;
    this.#isOpen = isOpen;
  }

  write(bytes: Uint8Array): void {
    if (this.#isClosed || bytes.length === 0) return;
    this.pending += bytes.length;
    if (this.#waiting.length === 0) {
      this.#waiting.push(bytes);
      this.go();
    } else if (bytes.length > PIECE / 4) {
      this.#open = null;
      this.#waiting.push(bytes);
    } else this.#gather(bytes);
  }

  #gather(bytes: Uint8Array): void {
    const last = this.#waiting.at(-1);
    const open = this.#open;
    if (open !== null && last?.buffer === open.memory.buffer && open.filled + bytes.length <= PIECE) {
      open.memory.set(bytes, open.filled);
      open.filled += bytes.length;
      this.#waiting[this.#waiting.length - 1] = open.memory.subarray(last.byteOffset, open.filled);
      return;
    }
    const memory = new Uint8Array(PIECE);
    memory.set(bytes);
    this.#open = { memory, filled: bytes.length };
    this.#waiting.push(memory.subarray(0, bytes.length));
  }

  /** Tries again; a program that puts something out has often just read. */
  go(): void {
    while (!this.#isClosed && this.#isOpen()) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      const written = this.#try(first);
      if (written === 0) return this.#later();
      this.#pauseMs = FIRST_PAUSE_MS;
      this.pending -= written;
      if (written === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(written);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.pending = 0;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #try(bytes: Uint8Array): number {
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      if (hasCode(error, "EAGAIN")) return 0;
      // Nobody has the other side open any more.
      if (!hasCode(error, "EIO")) throw error;
      this.close();
      return 0;
    }
  }

  /** Nothing tells when there is room again. */
  #later(): void {
    if (this.#isClosed || this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.go();
    }, this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
