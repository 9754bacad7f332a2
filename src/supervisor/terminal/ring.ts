/** The last bytes that a terminal has put out. Offsets count from the first byte ever. */
export class Ring {
  readonly size: number;
  /** The offset after the last byte. */
  end = 0;
  readonly #bytes: Buffer;

  constructor(size: number) {
    this.size = size;
    // Pages that were never written to take no memory.
    this.#bytes = Buffer.allocUnsafeSlow(size);
  }

  /** The offset of the oldest byte that is still here. */
  get start(): number {
    return Math.max(0, this.end - this.size);
  }

  append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const space = this.space(bytes.length - at);
      space.set(bytes.subarray(at, at + space.length));
      this.commit(space.length);
      at += space.length;
    }
  }

  /** Room for up to `length` bytes in one piece, to be filled at once; what is in it counts only after `commit`. */
  space(length: number): Buffer {
    const at = this.end % this.size;
    return this.#bytes.subarray(at, Math.min(this.size, at + length));
  }

  commit(length: number): void {
    this.end += length;
  }

  /** Up to `length` bytes from `offset` on in one piece, at least one if there is one; they stay the same until more is put in. */
  read(offset: number, length: number): Buffer {
    const at = offset % this.size;
    return this.#bytes.subarray(at, Math.min(this.size, at + Math.min(length, this.end - offset)));
  }

  /** Copies the bytes from `offset` until `end` to `into`, and gives that part of it. */
  copy(offset: number, end: number, into: Buffer): Buffer {
    let length = 0;
    while (offset + length < end) {
      const piece = this.read(offset + length, end - offset - length);
      into.set(piece, length);
      length += piece.length;
    }
    return into.subarray(0, length);
  }
}
