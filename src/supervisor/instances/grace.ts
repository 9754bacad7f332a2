import { performance } from "node:perf_hooks";
import { Alarm } from "./alarm.ts";

/** The time in which processes may end by themselves. It can be cut short while it runs. */
export class Grace {
  #endsAtMs: number;
  readonly #alarm = new Alarm();

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
    this.#alarm.ring();
  }

  /** Resolves after so long, or when something happened, or at the end of a grace that is not over yet. */
  pause(ms: number): Promise<void> {
    const { leftMs } = this;
    return this.#alarm.pause(leftMs === 0 ? ms : Math.min(ms, leftMs));
  }
}
