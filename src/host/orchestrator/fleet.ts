import { setTimeout as delay } from "node:timers/promises";
import { labels } from "../../engine/spec.ts";
import { messageOf, NovaError, quote } from "../../model/errors.ts";
import type { DoorState } from "../../model/kept.ts";
import type { Fleet, FoundWorker, Logger, TerminalSocket } from "../../orchestrator/ports.ts";
import { dialFrom, type WorkerAddress } from "../../workers/link/dial.ts";
import type { Dial } from "../../workers/link/socket.ts";
import type { TerminalRequest } from "../../workers/link/terminal.ts";
import { askHealth, workerAddress } from "../workers/reach.ts";
import type { Workers } from "../workers/workers.ts";
import { type Found, lookForWorkers, type Starts } from "./found.ts";
import { openWorkerTerminal } from "./worker-terminal.ts";

export interface FleetOptions {
  readonly workers: Pick<Workers, "home" | "engine" | "info" | "mayEnter">;
  readonly logger: Logger;
  /** Between two looks while no event tells of anything. */
  readonly everyMs?: number;
}

/** Well under the five seconds within which a worker that vanished has to be shown so. */
const LOOK_EVERY_MS = 2000;
/** An engine that went away is asked again at this pace. */
const EVENTS_AGAIN_MS = 1000;
const UNASKED = "the engine cannot be asked for workers";
const UNHEARD = "the engine tells of no events";

/** The workers of a home on this machine's engine. */
export class HomeFleet implements Fleet {
  readonly #options: FleetOptions;
  readonly #starts: Starts = new Map();
  readonly #elsewhere = new Map<string, string>();
  #found: readonly Found[] = [];
  /** What was said of the engine last, while it does not answer: it is asked again all the time. */
  readonly #trouble = new Map<string, string>();

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  watch(take: (found: readonly FoundWorker[]) => void, signal: AbortSignal): void {
    let told: string | undefined;
    let again = Promise.withResolvers<void>();
    const kick = (): void => again.resolve();
    const look = async (): Promise<void> => {
      await this.#look();
      const found = this.#found.map(({ id: _id, kept: _kept, ...one }): FoundWorker => one);
      const text = JSON.stringify(found);
      if (signal.aborted || text === told) return;
      told = text;
      take(found);
    };
    const looking = async (): Promise<void> => {
      while (!signal.aborted) {
        again = Promise.withResolvers();
        await look();
        const pause = new AbortController();
        const stop = AbortSignal.any([pause.signal, signal]);
        await Promise.race([again.promise, delay(this.#options.everyMs ?? LOOK_EVERY_MS, undefined, { signal: stop })]).catch(
          () => undefined,
        );
        pause.abort();
      }
    };
    void looking();
    void this.#hear(kick, signal);
  }

  dial(worker: string): Dial {
    return dialFrom(() => this.#address(worker));
  }

  async health(worker: string, door: "terminal" | "websocket"): Promise<DoorState> {
    try {
      return { ...(await askHealth(await this.#address(worker), door)), atMs: Date.now() };
    } catch (error) {
      return { healthy: false, reason: messageOf(error), atMs: Date.now() };
    }
  }

  async terminal(
    worker: string,
    request: TerminalRequest,
    protocol: string | null,
    signal: AbortSignal,
  ): Promise<TerminalSocket> {
    return await openWorkerTerminal(await this.#address(worker), request, protocol, signal);
  }

  /** Never rejects: while the engine is away its containers may run on, and who can be reached is told by the links. */
  async #look(): Promise<void> {
    const { workers } = this.#options;
    try {
      this.#found = await lookForWorkers(workers, this.#starts);
      this.#trouble.delete(UNASKED);
    } catch (error) {
      this.#warn(error, UNASKED);
    }
  }

  /** Asks anew with each event of a worker's container. After a gap between two streams every start may be another. */
  async #hear(kick: () => void, signal: AbortSignal): Promise<void> {
    const { engine, home } = this.#options.workers;
    while (!signal.aborted) {
      try {
        const events = engine.events({ [labels.home]: home.label, [labels.kind]: "worker" }, signal);
        this.#starts.clear();
        kick();
        for await (const { id, type } of events) {
          this.#trouble.delete(UNHEARD);
          if (type === "started" || type === "died") this.#starts.delete(id);
          kick();
        }
      } catch (error) {
        this.#warn(error, UNHEARD);
      }
      if (!signal.aborted) await delay(EVENTS_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  #warn(error: unknown, what: string): void {
    const reason = messageOf(error);
    if (this.#trouble.get(what) !== reason) this.#options.logger.warn({ reason }, what);
    this.#trouble.set(what, reason);
  }

  async #address(name: string): Promise<WorkerAddress> {
    const { workers } = this.#options;
    const known = (): Found | undefined => this.#found.find(({ worker }) => worker === name);
    if (!known()?.running) await this.#look();
    const found = known();
    if (!found) throw new NovaError("WORKER_NOT_FOUND", `There is no worker ${quote(name)}.`);
    if (!found.running || found.id === null || found.kept === null) {
      throw new NovaError("LINK_LOST", `The worker ${quote(name)} cannot be reached: ${found.trouble ?? "it does not run"}.`);
    }
    return await workerAddress(workers, found.kept, found.id, this.#elsewhere);
  }
}

/** Where no engine answers there are no workers. */
export const noFleet: Fleet = {
  watch: (take) => take([]),
  dial: (worker) => () => Promise.reject(noWorker(worker)),
  health: (worker) => Promise.resolve({ healthy: false, reason: noWorker(worker).message, atMs: Date.now() }),
  terminal: (worker) => Promise.reject(noWorker(worker)),
};

function noWorker(name: string): NovaError {
  return new NovaError("WORKER_NOT_FOUND", `There is no worker ${quote(name)}: no engine answers.`);
}
