/** How many lines may still go at a time: so many per second, and up to a second's worth at once after a quiet while. */
export class Allowance {
  readonly #perSecond: number;
  readonly #now: () => number;
  #left: number;
  #atMs: number;

  /** `now` in milliseconds, of a clock that never goes back. */
  constructor(perSecond: number, now: () => number) {
    this.#perSecond = perSecond;
    this.#now = now;
    this.#left = perSecond;
    this.#atMs = now();
  }

  /** Takes up to `lines` and gives how many there were. */
  take(lines: number): number {
    const nowMs = this.#now();
    this.#left = Math.min(this.#perSecond, this.#left + ((nowMs - this.#atMs) * this.#perSecond) / 1000);
    this.#atMs = nowMs;
    const taken = Math.min(lines, Math.floor(this.#left));
    this.#left -= taken;
    return taken;
  }

  /** Until `lines` (of at most a tenth of a second, and at least one) may go. */
  waitMs(lines: number): number {
    const wanted = Math.max(1, Math.min(lines, this.#perSecond / 10));
    return Math.max(1, Math.ceil(((wanted - this.#left) * 1000) / this.#perSecond));
  }
}
