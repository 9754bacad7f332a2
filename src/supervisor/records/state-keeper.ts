import { mkdir } from "node:fs/promises";
import type { Boots } from "./boots.ts";
import { writeState } from "./state-file.ts";

const KEEP_AFTER_MS = 250;
const RETRY_MS = 2000;

/** Writes the state file soon after something changed, and never twice at once. */
export class StateKeeper {
  readonly #directory: string;
  readonly #boots: Boots;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<boolean> = Promise.resolve(true);
  #isClosed = false;

  constructor(directory: string, boots: Boots) {
    this.#directory = directory;
    this.#boots = boots;
  }

  changed(afterMs: number = KEEP_AFTER_MS): void {
    if (this.#timer !== null || this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.keep();
    }, afterMs);
    this.#timer.unref();
  }

  /** Resolves when it is on disk, or with false when it cannot be: then it is tried again later. */
  keep(): Promise<boolean> {
    this.#running = this.#running.then(async () => {
      try {
        await mkdir(this.#directory, { recursive: true, mode: 0o700 });
        await writeState(this.#directory, this.#boots);
        return true;
      } catch {
        // Without it, the next boot sends again what its collector has.
        this.changed(RETRY_MS);
        return false;
      }
    });
    return this.#running;
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#isClosed = true;
    await this.keep();
  }
}
