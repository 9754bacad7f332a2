import type { PersistentLimits } from "../../model/group.ts";
import type { MadeContainer } from "./made-container.ts";
import type { Occupant } from "./room.ts";

/** `making`: it is not there yet; `leaving`: it is being removed. */
export type BerthState = "making" | "idle" | "working" | "leaving";

/** The place of one container that outlives its making: warm, or kept for many runs. */
export class Berth implements Occupant {
  readonly folder: string;
  readonly kept: boolean;
  readonly memoryBytes: number;
  state: BerthState = "making";
  usedAt = 0;
  /** Runs that it has served. */
  runs = 0;
  /** When it began to wait, in milliseconds since 1970. */
  idleSinceMs = 0;
  made: MadeContainer | undefined;
  /** Set while it is being removed. */
  leaving: Promise<void> | undefined;
  readonly #settled = Promise.withResolvers<void>();

  constructor(folder: string, kept: boolean, memoryBytes: number) {
    this.folder = folder;
    this.kept = kept;
    this.memoryBytes = memoryBytes;
  }

  /** Resolves when its container was made or has failed to be. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  settle(made: MadeContainer | undefined): void {
    this.made = made;
    this.#settled.resolve();
  }

  /** Whether a container that is kept has served its time. */
  isPast(limits: Required<PersistentLimits>, nowMs: number): boolean {
    if (!this.kept || !this.made) return false;
    const isTired = this.runs >= limits.maxRuns || nowMs - this.made.madeAtMs >= limits.maxAge;
    return isTired || (this.state === "idle" && nowMs - this.idleSinceMs >= limits.idleTimeout);
  }
}
