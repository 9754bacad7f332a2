import { writeSync } from "node:fs";
import { hasCode } from "../../model/errors.ts";

const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 20;

/**
 * What is typed into a terminal, until the program takes it. libuv must not write it: to this side of a pseudoterminal it writes as if it were
 * blocking, so that a program which reads nothing would stop the whole event loop.
 */
export class PtyInput {
  /** Bytes that wait. */
  pending = 0;
  readonly #fd: number;
  #waiting: Uint8Array[] = [];
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
    this.#waiting.push(bytes);
    this.pending += bytes.length;
    if (this.#waiting.length === 1) this.go();
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
