import type { RestartPolicy } from "../../model/instance.ts";

/** So many restarts in a row without a healthy stretch are a crash loop, before any limit is met. */
const LOOP = 3;

export type Verdict =
  | { readonly kind: "restart"; readonly delayMs: number; readonly crashLoop: boolean }
  /** It ended for good, as it may. */
  | { readonly kind: "done" }
  | { readonly kind: "given up"; readonly why: string; readonly crashLoop: boolean };

/** Counts one instance's restarts and decides on the next. Times are of a clock that never goes back. */
export class Restarts {
  #inARow = 0;
  #atMs: number[] = [];
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** It was healthy for long enough, or somebody started it. */
  reset(): void {
    this.#inARow = 0;
    this.#atMs = [];
  }

  /** What follows on an end. `ranMs`: how long the process lived; null when it could not be started. */
  afterEnd(
    policy: RestartPolicy,
    end: { readonly failed: boolean; readonly ranMs: number | null; readonly nowMs: number },
  ): Verdict {
    if (end.ranMs !== null && end.ranMs >= policy.healthyAfterMs) this.reset();
    if (policy.when === "never" || (policy.when === "on-failure" && !end.failed)) {
      return end.failed ? { kind: "given up", why: "its policy is not to restart it", crashLoop: false } : { kind: "done" };
    }
    this.#atMs = this.#atMs.filter((atMs) => end.nowMs - atMs < policy.windowMs);
    if (policy.maxRestarts !== null && this.#atMs.length >= policy.maxRestarts) {
      const crashLoop = policy.maxRestarts > 0;
      const times = policy.maxRestarts === 1 ? "once" : `${policy.maxRestarts} times`;
      const why = crashLoop
        ? `crash loop: it was restarted ${times} within ${policy.windowMs / 1000} s, which is its limit`
        : "its limit is no restart";
      return { kind: "given up", why, crashLoop };
    }
    this.#atMs.push(end.nowMs);
    const fullMs = Math.min(policy.maxDelayMs, policy.delayMs * 2 ** Math.min(this.#inARow, 40));
    this.#inARow += 1;
    return { kind: "restart", delayMs: Math.round(fullMs * (1 - this.#random() / 2)), crashLoop: this.#inARow >= LOOP };
  }
}
