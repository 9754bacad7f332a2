const SMALLEST = 1024;
const KEPT_WHEN_CLEARED = 64 * 1024;

/** Bytes appended one after another into one buffer that grows by doubling, up to `limit`. Empty, it holds no memory. */
export class GrowingBytes {
  readonly limit: number;
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get length(): number {
    return this.#length;
  }

  /** Copies as much of `more` as fits and says how many bytes did. */
  append(more: Uint8Array): number {
    const count = Math.min(more.length, this.limit - this.#length);
    if (count <= 0) return 0;
    const length = this.#length + count;
    if (length > this.#bytes.length) {
      // Not from Buffer's shared pool: a small stream must not keep a slab of 8 KiB alive.
      const grown = Buffer.allocUnsafeSlow(Math.min(this.limit, Math.max(SMALLEST, length, this.#bytes.length * 2)));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    this.#bytes.set(count === more.length ? more : more.subarray(0, count), this.#length);
    this.#length = length;
    return count;
  }

  /** What was appended; valid until the next `append` or `clear`. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Forgets the bytes, and the memory when it is much. */
  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > KEPT_WHEN_CLEARED) this.#bytes = Buffer.alloc(0);
  }
}
