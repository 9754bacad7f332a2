import { setTimeout as delay } from "node:timers/promises";

/** So many of something a second, with the rest waiting. After a pause, `burst` of them may come at once. */
export class Rate {
  readonly #perSecond: number;
  readonly #burst: number;
  #left: number;
  #countedAt = performance.now();

  constructor(perSecond: number, burst: number = perSecond) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#left = burst;
  }

  /** Resolves when there is room; `amount` is taken then. Rejects when `signal` aborts first. */
  async take(amount: number, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#countedAt) / 1000) * this.#perSecond) - amount;
    this.#countedAt = now;
    // What was taken beyond the room is waited for here, and missing for whoever comes next.
    if (this.#left < 0) await delay((-this.#left / this.#perSecond) * 1000, undefined, { signal, ref: false });
  }
}
