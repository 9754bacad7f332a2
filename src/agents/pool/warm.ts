import type { Logger } from "pino";
import { messageOf } from "../../model/errors.ts";
import type { Group } from "../../model/group.ts";
import { readGroups } from "../groups/registry.ts";
import type { Home } from "../home/home.ts";
import type { Ready } from "../run/container.ts";
import type { Turn } from "../turns/turns.ts";
import type { Berth } from "./berth.ts";
import { fingerprint } from "./fingerprint.ts";
import type { MadeContainer } from "./made-container.ts";
import type { Pool } from "./pool.ts";

/** A group that was not heard of for so long has no warm container. */
const activeMs = 30 * 60_000;
/** How often the waiting containers are compared with what their groups would get now. */
const lookEveryMs = 3000;

export interface WarmOptions {
  readonly home: Home;
  readonly pool: Pool;
  readonly logger: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly lookEveryMs?: number;
  /** The group's turn: no run of it, in whichever process, begins while it is held. */
  takeTurn(group: Group, signal: AbortSignal): Promise<Turn>;
  makeReady(group: Group): Promise<Ready>;
  /** Whether a run of this plan would be given a warm container. */
  isWarm(ready: Ready): boolean;
  make(ready: Ready): Promise<MadeContainer>;
  /** How many runs wait for room. */
  waiting(): number;
}

/** Keeps containers ready ahead for the groups that were active lately, and those that wait what they should be. */
export class WarmUps {
  readonly #options: WarmOptions;
  readonly #ending = new AbortController();
  readonly #activeAt = new Map<string, number>();
  readonly #warming = new Map<string, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: WarmOptions) {
    this.#options = options;
  }

  /** The group is active: sees to it, in the background, that a container waits for its next run, if it is to have one. */
  keepWarm(group: Group): void {
    if (this.#ending.signal.aborted) return;
    this.#activeAt.set(group.folder, this.#options.now());
    this.watch();
    if (this.#warming.has(group.folder)) return;
    const warming = this.#warm(group)
      .catch((thrown: unknown) =>
        this.#options.logger.warn({ group: group.name, reason: messageOf(thrown) }, "No container could be made ahead"),
      )
      .finally(() => this.#warming.delete(group.folder));
    this.#warming.set(group.folder, warming);
  }

  /** Looks after what waits, from now on until `close`. */
  watch(): void {
    if (this.#ending.signal.aborted) return;
    this.#timer ??= setInterval(() => void this.#lookOnce(), this.#options.lookEveryMs ?? lookEveryMs).unref();
  }

  async close(): Promise<void> {
    this.#ending.abort();
    clearInterval(this.#timer);
    await this.#looking;
    await Promise.all(this.#warming.values());
  }

  async #warm(group: Group): Promise<void> {
    const { pool, home } = this.#options;
    if (pool.has(group.folder)) return;
    const { signal } = this.#ending;
    const turn = await this.#options.takeTurn(group, signal).catch((thrown: unknown) => {
      if (signal.aborted) return undefined;
      throw thrown;
    });
    if (!turn) return;
    try {
      const current = await registered(home, group);
      if (!current || signal.aborted || pool.has(group.folder)) return;
      const ready = await this.#options.makeReady(current);
      if (!this.#options.isWarm(ready)) return;
      const berth = await pool.reserve(group.folder, ready.plan.limits.memoryBytes, this.#options.waiting());
      if (!berth) return;
      try {
        // Its place may have been given away while others left for it.
        await pool.moor(berth, berth.state === "leaving" ? undefined : await this.#options.make(ready));
      } catch (thrown) {
        await pool.moor(berth, undefined);
        throw thrown;
      }
    } finally {
      await turn.release();
    }
  }

  async #lookOnce(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((thrown: unknown) =>
        this.#options.logger.warn({ reason: messageOf(thrown) }, "The waiting containers could not be looked after"),
      )
      .finally(() => (this.#looking = undefined));
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { pool, home, now } = this.#options;
    for (const [folder, at] of this.#activeAt) if (now() - at > activeMs) this.#activeAt.delete(folder);
    const waiting = pool.idle();
    if (!waiting.length) return;
    const groups = await readGroups(home);
    for (const berth of waiting) {
      const group = groups.find(({ folder }) => folder === berth.folder);
      const why = await this.#whyNot(berth, group);
      // A run may have taken it meanwhile.
      if (why === undefined || berth.state !== "idle" || this.#ending.signal.aborted) continue;
      await pool.remove(berth, why);
      if (group && !berth.kept && this.#activeAt.has(berth.folder)) this.#renew(group);
    }
  }

  #renew(group: Group): void {
    const at = this.#activeAt.get(group.folder);
    this.keepWarm(group);
    // Being looked after is no activity of the group's own.
    if (at !== undefined) this.#activeAt.set(group.folder, at);
  }

  /** Why the container should not wait any longer; undefined when it should. */
  async #whyNot(berth: Berth, group: Group | undefined): Promise<string | undefined> {
    if (!group) return "Its group was removed";
    if (!berth.kept && !this.#activeAt.has(berth.folder)) return "Its group was not heard of for long";
    let ready: Ready;
    try {
      ready = await this.#options.makeReady(group);
    } catch {
      // What cannot be planned cannot be run either; an engine that is away is told by the container's own end.
      return "Its group cannot run as it is set now";
    }
    if (berth.isPast(ready.plan.persistent, this.#options.now())) return "It has served its time";
    if (!berth.kept && !this.#options.isWarm(ready)) return "Its group does not want it any more";
    const isSame = berth.made?.fingerprint === (await fingerprint(ready, this.#options.home, berth.kept));
    return isSame ? undefined : "It is not what its group would get now";
  }
}

async function registered(home: Home, group: Group): Promise<Group | undefined> {
  return (await readGroups(home)).find(({ folder, jid }) => folder === group.folder && jid === group.jid);
}
