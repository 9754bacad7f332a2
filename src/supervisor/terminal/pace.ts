/** What a flood has in a moment, and how long the moment is: more than anybody reads, and little work. */
const BYTES = 65_536;
const MOMENT_MS = 20;

/** Says when output that has to give way must wait: when a moment brought as much as a moment may. */
export class Pace {
  readonly #onGo: () => void;
  readonly #now: () => number;
  #since = Number.NEGATIVE_INFINITY;
  #bytes = 0;
  #wait: NodeJS.Timeout | null = null;

  /** `onGo`: the wait is over. */
  constructor(onGo: () => void, now: () => number = () => performance.now()) {
    this.#onGo = onGo;
    this.#now = now;
  }

  get isWaiting(): boolean {
    return this.#wait !== null;
  }

  count(length: number): void {
    const now = this.#now();
    if (now - this.#since >= MOMENT_MS) {
      this.#since = now;
      this.#bytes = 0;
    }
    this.#bytes += length;
    if (this.#bytes < BYTES || this.#wait !== null) return;
    this.#wait = setTimeout(() => {
      this.#since = Number.NEGATIVE_INFINITY;
      this.#wait = null;
      this.#onGo();
    }, MOMENT_MS);
  }

  close(): void {
    if (this.#wait !== null) clearTimeout(this.#wait);
    this.#wait = null;
  }
}
