import type { Engine } from "../../engine/engine.ts";

/** Why the host ended a container itself. */
export type Interruption = "timeout" | "cancelled" | "flood";

export interface InterruptionOptions {
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly signal?: AbortSignal;
}

/** A container that outlives SIGKILL by this hangs in the kernel: its run is over all the same. */
const hopelessMs = 30_000;

/** The timer, the caller's signal, and who finds that the agent says too much: whichever comes first stops the container, through the engine. */
export class Interruptions {
  reason: Interruption | null = null;
  readonly #engine: Engine;
  readonly #id: string;
  readonly #options: InterruptionOptions;
  readonly #hopeless = Promise.withResolvers<void>();
  readonly #onAbort = (): void => this.stop("cancelled");
  #timer: NodeJS.Timeout;

  constructor(engine: Engine, id: string, options: InterruptionOptions) {
    this.#engine = engine;
    this.#id = id;
    this.#options = options;
    this.#timer = setTimeout(() => this.stop("timeout"), options.timeoutMs);
    if (options.signal?.aborted) this.#onAbort();
    else options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Resolves when a container that was stopped should long have ended. */
  get hopeless(): Promise<void> {
    return this.#hopeless.promise;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }

  stop(reason: Interruption): void {
    if (this.reason !== null) return;
    this.reason = reason;
    const { graceMs } = this.#options;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#hopeless.resolve(), graceMs + hopelessMs);
    // When the engine cannot even stop it, `wait` tells that the engine is lost, or killing is what is left to try.
    this.#engine.stop(this.#id, graceMs).catch(() => this.#engine.kill(this.#id, "SIGKILL").catch(() => undefined));
  }
}
