import type { Logger } from "pino";
import { messageOf } from "../../model/errors.ts";

/** A create request that was under way when its host was killed may be carried out after the next host has cleaned up. */
const firstMs = 5000;
const everyMs = 60_000;

export interface SweepsOptions {
  /** Removes containers that belong to nobody alive, and gives their names. */
  readonly sweep: () => Promise<readonly string[]>;
  readonly onSwept: (containers: readonly string[]) => void;
  readonly logger: Logger;
  readonly everyMs?: number;
}

/** Looks for abandoned containers again and again, as long as a home is served: hosts of its other commands may die, too. */
export class Sweeps {
  readonly #options: SweepsOptions;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: SweepsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#next(Math.min(firstMs, this.#options.everyMs ?? everyMs));
  }

  /** Resolves when the look that goes on is over. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#sweeping;
  }

  #next(ms: number): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#sweeping = this.#sweep().then(() => this.#next(this.#options.everyMs ?? everyMs));
    }, ms).unref();
  }

  async #sweep(): Promise<void> {
    try {
      const containers = await this.#options.sweep();
      if (containers.length) this.#options.onSwept(containers);
    } catch (thrown) {
      // The engine may be away: its containers are looked for again.
      this.#options.logger.debug({ reason: messageOf(thrown) }, "Abandoned containers could not be looked for");
    }
  }
}
