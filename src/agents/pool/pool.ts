import type { Logger } from "pino";
import type { Engine } from "../../engine/engine.ts";
import { NovaError } from "../../model/errors.ts";
import type { PersistentLimits } from "../../model/group.ts";
import { isWithin } from "../mounts/additional.ts";
import { Berth, type BerthState } from "./berth.ts";
import { removeMade, type MadeContainer } from "./made-container.ts";
import { leaveForIdle, leaveForWork, type Bounds } from "./room.ts";

export interface PoolOptions {
  readonly engine: Engine;
  readonly logger: Logger;
  readonly bounds: () => Bounds;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Called with the slot of a container whose engine went away: it may still be there when the engine is back. */
  readonly onLost: (slot: string) => void;
}

/** One container of the pool, for people. */
export interface PooledContainer {
  readonly group: string;
  readonly mode: "warm" | "persistent";
  readonly state: BerthState;
  /** Null while it is being made. */
  readonly container: string | null;
  readonly runs: number;
  readonly memoryBytes: number;
  /** ISO 8601 in UTC; null unless it is idle. */
  readonly idleSince: string | null;
}

/**
 * The containers of a host that wait for their next run: of each group at most one, warm or kept. Counts the working ones beside
 * them, so that all together stay within their bounds. A container is taken by its own group alone, and only when it is what the
 * group would get now.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #berths = new Set<Berth>();
  #working = 0;
  #uses = 0;
  #isClosed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  status(): PooledContainer[] {
    return [...this.#berths].map((berth) => ({
      group: berth.folder,
      mode: berth.kept ? "persistent" : "warm",
      state: berth.state,
      container: berth.made?.name ?? null,
      runs: berth.runs,
      memoryBytes: berth.memoryBytes,
      idleSince: berth.state === "idle" ? new Date(berth.idleSinceMs).toISOString() : null,
    }));
  }

  /** A run that needs a container counts from here to `endWork`. */
  beginWork(): void {
    this.#working += 1;
  }

  endWork(): void {
    this.#working -= 1;
  }

  has(folder: string): boolean {
    return this.#resting.some((berth) => berth.folder === folder && berth.state !== "leaving");
  }

  /** Containers that wait, or are about to. */
  idle(): Berth[] {
    return [...this.#berths].filter(({ state }) => state === "idle");
  }

  /**
   * The group's waiting container, now at work; undefined when there is none. One that is not what the group would get now, or has
   * served its time, is removed first.
   */
  async take(
    folder: string,
    wanted: {
      readonly kept: boolean;
      readonly fingerprint: string | undefined;
      readonly limits: Required<PersistentLimits>;
    },
  ): Promise<Berth | undefined> {
    for (const berth of this.#resting.filter((other) => other.folder === folder)) {
      const isSame = wanted.fingerprint !== undefined && berth.made?.fingerprint === wanted.fingerprint;
      const isGood = isSame && berth.kept === wanted.kept && !berth.isPast(wanted.limits, this.#options.now());
      if (berth.state === "idle" && isGood) {
        berth.state = "working";
        return berth;
      }
      await this.remove(berth, "It is not what the group would get now");
    }
    return undefined;
  }

  /** Sees to it that the containers at work fit: idle ones leave for them. */
  async makeRoom(): Promise<void> {
    const leaving = leaveForWork(this.#resting, this.#working, this.#options.bounds());
    await Promise.all(leaving.map(async (berth) => await this.remove(berth, "Others need its room")));
  }

  /**
   * Idle containers of other groups that may write where one of `sources` lies leave: the agents that would be at work in them
   * could put a link in the place of the source.
   */
  async removeWriters(folder: string, sources: readonly string[]): Promise<void> {
    const writers = this.idle().filter(
      (berth) =>
        berth.folder !== folder &&
        berth.made?.writable.some((held) => sources.some((source) => source !== held && isWithin(source, held))),
    );
    await Promise.all(writers.map(async (berth) => await this.remove(berth, "It may write what another group mounts")));
  }

  async removeKept(folder: string): Promise<void> {
    for (const berth of this.idle())
      if (berth.kept && berth.folder === folder) await this.remove(berth, "Its group does not want it any more");
  }

  /** A place for a container that is to wait, beside `waiting` runs that will need one; undefined when there is no room. */
  async reserve(folder: string, memoryBytes: number, waiting: number): Promise<Berth | undefined> {
    const newcomer = new Berth(folder, false, memoryBytes);
    const leaving = this.#isClosed
      ? null
      : leaveForIdle(this.#resting, this.#working + waiting, newcomer, this.#options.bounds());
    if (!leaving) return undefined;
    newcomer.usedAt = ++this.#uses;
    this.#berths.add(newcomer);
    await Promise.all(leaving.map(async (berth) => await this.remove(berth, "Another is of more use")));
    return newcomer;
  }

  /** The container of a reserved place is there and waits; or could not be made, when it is undefined. */
  async moor(berth: Berth, made: MadeContainer | undefined): Promise<void> {
    berth.settle(made);
    if (!made) {
      this.#berths.delete(berth);
      return;
    }
    this.#watch(berth, made);
    if (berth.state === "leaving") await berth.leaving;
    else if (this.#isClosed || made.fingerprint === undefined) await this.remove(berth, "It changed while it was made");
    else this.#rest(berth);
  }

  /** Counts a container that was made for a run and may serve others after it. */
  enlist(made: MadeContainer): Berth {
    const berth = new Berth(made.ready.plan.group.folder, made.kept, made.ready.plan.limits.memoryBytes);
    berth.state = "working";
    berth.settle(made);
    this.#berths.add(berth);
    this.#watch(berth, made);
    return berth;
  }

  /** A kept container whose run is over waits for the next one, if it may and there is room. */
  async park(berth: Berth, limits: Required<PersistentLimits>): Promise<void> {
    if (berth.state !== "working" || !this.#berths.has(berth)) return await berth.leaving;
    berth.runs += 1;
    const others = this.#resting;
    const leaving = leaveForIdle(others, this.#working, berth, this.#options.bounds());
    const isUseless = this.#isClosed || berth.made?.fingerprint === undefined || berth.isPast(limits, this.#options.now());
    if (!leaving || isUseless) return await this.remove(berth, "It has served its time, or there is no room for it");
    this.#rest(berth);
    await Promise.all(leaving.map(async (other) => await this.remove(other, "Another is of more use")));
  }

  /** A container at work is gone, or nobody knows where it is: its run sees to what is left. */
  forget(berth: Berth): void {
    this.#berths.delete(berth);
  }

  /** Removes a container; resolves when it is gone. One whose engine is away is handed to `onLost`. Never rejects. */
  async remove(berth: Berth, why: string): Promise<void> {
    if (!this.#berths.has(berth)) return;
    berth.leaving ??= this.#remove(berth, why);
    await berth.leaving;
  }

  /** Removes every container that waits, and from now on lets none wait. Those at work are their runs' to end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#resting.map(async (berth) => await this.remove(berth, "The host ends")));
  }

  async #remove(berth: Berth, why: string): Promise<void> {
    const wasMaking = berth.state === "making";
    berth.state = "leaving";
    // What leaves already is the first to count as leaving.
    berth.usedAt = -1;
    if (wasMaking) await berth.settled;
    const { made } = berth;
    if (made) {
      this.#options.logger.debug({ group: berth.folder, containerName: made.name, why }, "Waiting container removed");
      await removeMade(this.#options.engine, made).catch((thrown: unknown) => {
        if (!(thrown instanceof NovaError && thrown.code === "CONTAINER_NOT_FOUND")) this.#options.onLost(made.slot);
      });
    }
    this.#berths.delete(berth);
  }

  #rest(berth: Berth): void {
    berth.state = "idle";
    berth.usedAt = ++this.#uses;
    berth.idleSinceMs = this.#options.now();
  }

  /** A container that ends while it waits is no loss; one that ends at work is its run's to tell. */
  #watch(berth: Berth, made: MadeContainer): void {
    const ended = (why: string): void => {
      if (berth.state === "working") this.#berths.delete(berth);
      else void this.remove(berth, why);
    };
    made.exit.then(
      () => ended("It ended by itself"),
      () => ended("Its engine went away"),
    );
  }

  /** Everything that is not at work. */
  get #resting(): Berth[] {
    return [...this.#berths].filter(({ state }) => state !== "working");
  }
}
