import { performance } from "node:perf_hooks";

/** The time in which processes may end by themselves. It can be cut short while it runs. */
export class Grace {
  #endsAtMs: number;
  #wake: (() => void) | null = null;

  constructor(ms: number) {
    this.#endsAtMs = performance.now() + ms;
  }

  get leftMs(): number {
    return Math.max(0, this.#endsAtMs - performance.now());
  }

  get isOver(): boolean {
    return this.leftMs === 0;
  }

  /** Not more than so long from now on. */
  shorten(ms: number): void {
    this.#endsAtMs = Math.min(this.#endsAtMs, performance.now() + ms);
    this.wake();
  }

  /** Ends a pause. */
  wake(): void {
    this.#wake?.();
  }

  /** Resolves after so long, or when something happened, or at the end of a grace that is not over yet. */
  pause(ms: number): Promise<void> {
    const { leftMs } = this;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, Math.ceil(leftMs === 0 ? ms : Math.min(ms, leftMs)));
      this.#wake = done;
    });
  }
}
