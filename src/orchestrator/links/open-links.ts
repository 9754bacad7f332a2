import type { WorkerView } from "../../model/kept.ts";
import type { CallParams, CallResult, WorkerCallName } from "../../model/worker-calls.ts";
import { NovaError, quote } from "../../model/errors.ts";
import type { Store } from "../../store/store.ts";
import type { Links } from "../links.ts";
import type { Fleet, FoundWorker, Logger } from "../ports.ts";
import { type LinkedParts, LinkedWorker } from "./linked-worker.ts";
import { linkTimes, type LinkTimes } from "./times.ts";

export interface LinksOptions {
  readonly fleet: Fleet;
  readonly store: Store;
  readonly logger: Logger;
  readonly now?: () => number;
  readonly times?: Partial<LinkTimes>;
}

/** Bytes of records that wait to be kept, of all workers together; each has a share of it. */
const HELD_BYTES = 134_217_728;
const LEAST_HELD_BYTES = 262_144;

/** Links to whatever workers the fleet tells of. Knows, when it resolves, what the store knew of them. */
export async function openLinks(options: LinksOptions): Promise<Links> {
  const links = new FleetLinks(options);
  await links.begin();
  return links;
}

class FleetLinks implements Links {
  readonly #options: LinksOptions;
  readonly #parts: LinkedParts;
  readonly #workers = new Map<string, LinkedWorker>();
  readonly #over = new AbortController();

  constructor(options: LinksOptions) {
    this.#options = options;
    this.#parts = {
      fleet: options.fleet,
      store: options.store,
      logger: options.logger,
      now: options.now ?? Date.now,
      times: { ...linkTimes, ...options.times },
      heldBytes: () => Math.max(LEAST_HELD_BYTES, HELD_BYTES / Math.max(1, this.#workers.size)),
    };
  }

  async begin(): Promise<void> {
    for (const row of await this.#options.store.workers())
      this.#workers.set(row.worker, new LinkedWorker(row.worker, this.#parts, row));
    this.#options.fleet.watch((found) => this.#found(found), this.#over.signal);
  }

  state(worker: string): ReturnType<Links["state"]> {
    return this.#workers.get(worker)?.shown ?? null;
  }

  health(worker: string): WorkerView["health"] {
    return this.#workers.get(worker)?.health ?? null;
  }

  async askHealth(worker: string): Promise<NonNullable<WorkerView["health"]>> {
    return await this.#of(worker).askHealth();
  }

  async call<Name extends Exclude<WorkerCallName, "records.follow">>(
    worker: string,
    name: Name,
    params: CallParams<Name>,
    signal?: AbortSignal,
  ): Promise<CallResult<Name>> {
    return await this.#of(worker).call(name, params, signal);
  }

  async close(): Promise<void> {
    this.#over.abort();
    await Promise.all([...this.#workers.values()].map((worker) => worker.close()));
  }

  #of(worker: string): LinkedWorker {
    const one = this.#workers.get(worker);
    if (!one) throw new NovaError("WORKER_NOT_FOUND", `there is no worker ${quote(worker)}`, { place: "worker" });
    return one;
  }

  #found(found: readonly FoundWorker[]): void {
    if (this.#over.signal.aborted) return;
    const names = new Set(found.map(({ worker }) => worker));
    for (const one of found) this.#worker(one.worker).found(one);
    for (const [name, worker] of this.#workers) if (!names.has(name)) worker.gone();
  }

  #worker(name: string): LinkedWorker {
    const there = this.#workers.get(name);
    if (there) return there;
    const worker = new LinkedWorker(name, this.#parts, null);
    this.#workers.set(name, worker);
    return worker;
  }
}
