import { GrowingBytes } from "./growing-bytes.ts";
import { withoutCutBeginning, withoutCutEnd } from "./utf8.ts";

/** How much of a long stream's end can be asked for. */
export const TAIL_BYTES = 2048;

/**
 * The beginning of a stream, for the log, and a little of its end, for error messages. Memory follows what is kept:
 * a stream that stays silent costs nothing.
 */
export class KeptStream {
  readonly #head: GrowingBytes;
  // The end of a stream that outgrew the head; until then the head has the end too. Twice as long as needed, so that
  // most pushes append and few move.
  #tail: Buffer | undefined;
  #tailLength = 0;
  #totalBytes = 0;

  constructor(limitBytes: number = 5 * 1024 * 1024) {
    this.#head = new GrowingBytes(limitBytes);
  }

  /** Bytes pushed so far, kept or not. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Whether bytes came that are not kept. */
  get truncated(): boolean {
    return this.#totalBytes > this.#head.length;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#totalBytes += chunk.length;
    const kept = this.#head.append(chunk);
    if (kept < chunk.length) this.#pushTail(chunk.subarray(kept));
  }

  #pushTail(more: Uint8Array): void {
    if (this.#tail === undefined) {
      this.#tail = Buffer.allocUnsafeSlow(2 * TAIL_BYTES);
      const end = this.#head.view().subarray(-TAIL_BYTES);
      this.#tailLength = end.copy(this.#tail);
    }
    const news = more.subarray(Math.max(0, more.length - TAIL_BYTES));
    if (this.#tailLength + news.length > this.#tail.length) {
      const stays = TAIL_BYTES - news.length;
      this.#tail.copyWithin(0, this.#tailLength - stays, this.#tailLength);
      this.#tailLength = stays;
    }
    this.#tail.set(news, this.#tailLength);
    this.#tailLength += news.length;
  }

  /** What is kept, cut at a character boundary. Invalid UTF-8 becomes replacement characters. */
  text(): string {
    const head = this.#head.view();
    return (this.truncated ? withoutCutEnd(head) : head).toString("utf8");
  }

  /** At most the last `bytes` bytes seen (no more than `TAIL_BYTES` of a truncated stream), beginning at a character boundary. */
  tail(bytes: number): string {
    const end = this.#tail === undefined ? this.#head.view() : this.#tail.subarray(0, this.#tailLength).subarray(-TAIL_BYTES);
    const wanted = bytes <= 0 ? end.subarray(0, 0) : end.subarray(-bytes);
    return (wanted.length < this.#totalBytes ? withoutCutBeginning(wanted) : wanted).toString("utf8");
  }
}
