/** Keeps the end of what is written to it, in at most twice `limit` bytes of memory. */
export class Tail {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(Buffer.from(chunk.subarray(-this.#limit)));
    this.#bytes += Math.min(chunk.length, this.#limit);
    if (this.#bytes > 2 * this.#limit) {
      this.#chunks = [Buffer.concat(this.#chunks).subarray(-this.#limit)];
      this.#bytes = this.#limit;
    }
  }

  /** The end as text, without a character that was cut and without blank ends. */
  text(): string {
    let start = 0;
    const bytes = Buffer.concat(this.#chunks).subarray(-this.#limit);
    while (start < 4 && start < bytes.length && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
    return bytes.subarray(start).toString("utf8").trim();
  }
}

/** Keeps the beginning of what is written to it. */
export class Head {
  readonly #limit: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #cut = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Something was left out. */
  get cut(): boolean {
    return this.#cut;
  }

  add(chunk: Uint8Array): void {
    const room = this.#limit - this.#bytes;
    if (chunk.length > room) this.#cut = true;
    if (room <= 0) return;
    this.#chunks.push(Buffer.from(chunk.subarray(0, room)));
    this.#bytes += Math.min(chunk.length, room);
  }

  /** The beginning as text; a character that the limit cut in two is left out whole. */
  text(): string {
    const bytes = Buffer.concat(this.#chunks);
    return this.#cut ? new TextDecoder().decode(bytes, { stream: true }) : bytes.toString("utf8");
  }
}

/** Gives each line of a byte stream as text, without its newline. A line longer than `limit` bytes is left out. */
export class Lines {
  readonly #limit: number;
  readonly #onLine: (line: string) => void;
  #partial: Buffer[] = [];
  #bytes = 0;

  constructor(limit: number, onLine: (line: string) => void) {
    this.#limit = limit;
    this.#onLine = onLine;
  }

  add(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      this.#push(chunk.subarray(from, at));
      this.end();
      from = at + 1;
    }
    if (from < chunk.length) this.#push(chunk.subarray(from));
  }

  /** The stream has ended; what came after the last newline is a line too. */
  end(): void {
    const fits = this.#bytes > 0 && this.#bytes <= this.#limit;
    const line = fits ? Buffer.concat(this.#partial).toString("utf8") : "";
    this.#partial = [];
    this.#bytes = 0;
    if (line !== "") this.#onLine(line);
  }

  #push(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes <= this.#limit) this.#partial.push(part);
    else this.#partial = [];
  }
}
