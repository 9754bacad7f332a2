import { join } from "node:path";
import pino, { type Logger } from "pino";
import type { Engine } from "../engine/engine.ts";
import { changeGroups, readGroups, type GroupsChange } from "../agents/groups/registry.ts";
import { openHome, type Home } from "../agents/home/home.ts";
import { Gateway } from "../agents/gateway/gateway.ts";
import { sweepLiveRuns } from "../agents/run/live-runs.ts";
import { pruneRecords } from "../agents/run/records.ts";
import { removeAbandoned } from "../agents/run/remains.ts";
import { Runs } from "../agents/run/runs.ts";
import { Presence } from "../agents/turns/presence.ts";
import { TurnQueue, sweepTurns } from "../agents/turns/turns.ts";
import { NovaError, escapeInvisible, quote } from "../model/errors.ts";
import type { Group } from "../model/group.ts";
import type { Doors } from "../agents/gateway/door.ts";
import type { Environment } from "./state.ts";
import { thisHost } from "./this-host.ts";
import { removeAbandonedWorkers } from "./workers/clean.ts";

const levels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** Structured logs on stderr, from `LOG_LEVEL` on; `fallback` where none is set. */
export function createLogger(env: Environment, fallback: string): Logger {
  const level = env["LOG_LEVEL"] || fallback;
  if (!levels.includes(level)) {
    throw new NovaError("USAGE", `LOG_LEVEL is ${quote(level)}.`, {
      place: "LOG_LEVEL",
      next: `Set it to one of ${levels.join(", ")}.`,
    });
  }
  const destination = pino.destination({ dest: 2, sync: true });
  // JSON leaves C1 controls and marks that reorder text as they are, and on a terminal they would act.
  return pino({ level, base: null }, { write: (line) => void destination.write(escapeInvisible(line)) });
}

/** What a host has of a home while it runs: its sign of life, its engine and its runs. */
export class Installation {
  readonly home: Home;
  readonly presence: Presence;
  readonly engine: Engine;
  readonly runs: Runs;
  readonly #doors: Doors;

  private constructor(home: Home, presence: Presence, engine: Engine, runs: Runs, doors: Doors) {
    this.home = home;
    this.presence = presence;
    this.engine = engine;
    this.runs = runs;
    this.#doors = doors;
  }

  static async open(options: {
    readonly home: Home;
    readonly engine: Engine;
    readonly env: Environment;
    readonly logger: Logger;
  }): Promise<Installation> {
    const { home, engine, env, logger } = options;
    const presence = await Presence.claim(home);
    try {
      const doors = new Gateway({ home, host: presence, env });
      return new Installation(
        home,
        presence,
        engine,
        new Runs({ home, engine, presence, env, logger, host: thisHost(), doors }),
        doors,
      );
    } catch (thrown) {
      await presence.release();
      throw thrown;
    }
  }

  /** What a host does when it starts: containers that a dead host left behind, of agents and of workers that never came up, and records beyond the limit, go. */
  async cleanUp(): Promise<{ containers: string[]; hosts: number; records: number }> {
    const [agents, workers] = await Promise.all([
      this.removeAbandoned(),
      removeAbandonedWorkers(this.engine, this.home, this.presence),
    ]);
    const containers = [...agents, ...workers];
    // Tickets after containers: whoever meets a dead one looks for its container.
    await sweepTurns(join(this.home.host, "turns"), this.presence);
    await sweepLiveRuns(this.home, this.presence);
    const hosts = await this.presence.sweep();
    const records = await pruneRecords(this.home);
    return { containers, hosts, records };
  }

  /** Removes containers of this home whose host is gone; gives their names. */
  async removeAbandoned(): Promise<string[]> {
    return await removeAbandoned(this.engine, this.home, this.presence);
  }

  async close(): Promise<void> {
    await this.runs.close();
    await this.#doors.close();
    await this.presence.release();
  }
}

/** Changes the registry of groups while no other process of this home does. */
export async function editGroups(path: string, change: GroupsChange): Promise<readonly Group[]> {
  const home = await openHome(path, { create: true });
  // A registry that cannot be read is told before anything is made.
  await readGroups(home);
  const presence = await Presence.claim(home);
  try {
    const turn = await new TurnQueue(join(home.host, "turns/registry"), 1, presence).take();
    try {
      return await changeGroups(home, change);
    } finally {
      await turn.release();
    }
  } finally {
    await presence.release();
  }
}
