import { performance } from "node:perf_hooks";
import type { InstanceSpec, InstanceStatus } from "../../model/instance.ts";
import { messageOf, NovaError, quote } from "../../model/errors.ts";
import type { WaitCondition } from "../../model/worker-calls.ts";
import { instanceEnvironment } from "./environment.ts";
import { Instance, type Predecessor, type Surroundings } from "./instance.ts";
import type { Instances, OnStatus } from "./instances.ts";
import { circleThrough, depths } from "./order.ts";
import type { WantedInstance } from "./wanted-file.ts";

/** Of the time to close, so much is kept for killing what did not end by itself. */
const KILL_RESERVE_MS = 500;

/** What the set tells its surroundings. */
export interface SetNews {
  readonly onStatus: OnStatus;
  readonly onRemoved: (id: string) => void;
  readonly tell: (message: string) => void;
  /** Somebody's wish has changed: resolves when it is kept. */
  readonly keep: () => Promise<void>;
  /** Something changed that is to be kept when there is time. */
  readonly keepSoon: () => void;
  /** Writes what shall run after the next boot for the last time. */
  readonly closed: () => Promise<void>;
}

interface Entry {
  readonly instance: Instance;
  /** After the next boot. */
  shallRun: boolean;
  isLeaving: boolean;
}

type Watcher = (id: string) => void;

export class InstanceSet implements Instances {
  readonly #entries = new Map<string, Entry>();
  readonly #around: Surroundings;
  readonly #news: SetNews;
  readonly #limit: number;
  readonly #watchers = new Set<Watcher>();
  #strangers: ReadonlyMap<string, Predecessor> = new Map();
  #closing: Promise<void> | null = null;

  constructor(around: Omit<Surroundings, "changed" | "waitsFor">, news: SetNews, limit: number) {
    this.#news = news;
    this.#limit = limit;
    this.#around = {
      ...around,
      changed: (instance) => this.#changed(instance),
      waitsFor: (spec) => this.#waitsFor(spec),
    };
  }

  /** Takes in what was there in the last boot; `strangers` are running still, by their ids, and nobody knows what they were to be. */
  take(
    known: readonly { readonly spec: InstanceSpec; readonly shallRun: boolean; readonly predecessor: Predecessor }[],
    strangers: ReadonlyMap<string, Predecessor>,
  ): void {
    this.#strangers = strangers;
    for (const { spec, shallRun, predecessor } of known) {
      this.#entries.set(spec.id, { instance: new Instance(spec, this.#around, predecessor), shallRun, isLeaving: false });
    }
  }

  /** Starts what shall run. */
  resume(): void {
    for (const { instance, shallRun } of this.#entries.values()) if (shallRun) instance.resume();
  }

  wanted(): readonly WantedInstance[] {
    return [...this.#entries.values()].map(({ instance, shallRun }) => ({
      spec: instance.spec,
      shallRun,
      process: instance.process,
    }));
  }

  list(): readonly InstanceStatus[] {
    return [...this.#entries.values()].map(({ instance }) => instance.status);
  }

  status(id: string): InstanceStatus {
    return this.#entry(id).instance.status;
  }

  async start(spec: InstanceSpec): Promise<InstanceStatus> {
    this.#refuseWhenClosing(spec.id);
    this.#refuseOrder(spec);
    const known = this.#entries.get(spec.id);
    refuseLeaving(known);
    if (known?.instance.isUp === true) {
      const { state, pid } = known.instance.status;
      const process = pid === null ? "" : ` (process ${pid})`;
      throw new NovaError("INSTANCE_RUNNING", `${quote(spec.id)} is ${state} already${process}.`, { place: spec.id });
    }
    if (known === undefined && this.#entries.size >= this.#limit) {
      throw new NovaError("INSTANCE_INVALID", `There are ${this.#limit} instances already, which is the limit.`, {
        place: spec.id,
        next: "Forget what is not needed: cli-tools process remove --instance-id ID",
      });
    }
    const entry = known ?? {
      instance: new Instance(spec, this.#around, this.#strangers.get(spec.id)),
      shallRun: true,
      isLeaving: false,
    };
    this.#entries.set(spec.id, entry);
    return await this.#begin(entry, () => entry.instance.start(spec));
  }

  async restart(id: string): Promise<InstanceStatus> {
    const entry = this.#entry(id);
    this.#refuseWhenClosing(id);
    refuseLeaving(entry);
    return await this.#begin(entry, () => entry.instance.restart());
  }

  async #begin(entry: Entry, start: () => Promise<InstanceStatus>): Promise<InstanceStatus> {
    entry.shallRun = true;
    const started = start();
    const kept = this.#news.keep();
    try {
      const status = await started;
      await kept;
      return status;
    } catch (thrown) {
      // Who asked for it knows that it does not run, and would not expect it to after the next boot.
      if (entry.instance.isSettled) entry.shallRun = false;
      this.#news.keepSoon();
      throw thrown;
    }
  }

  async stop(id: string, graceMs?: number): Promise<InstanceStatus> {
    const entry = this.#entry(id);
    entry.shallRun = false;
    const kept = this.#news.keep();
    const status = await entry.instance.stop(graceMs);
    await kept;
    return status;
  }

  async remove(id: string): Promise<void> {
    const entry = this.#entry(id);
    entry.isLeaving = true;
    try {
      await this.stop(id);
    } catch (thrown) {
      entry.isLeaving = false;
      throw thrown;
    }
    if (this.#entries.get(id) !== entry) return;
    this.#entries.delete(id);
    this.#news.onRemoved(id);
    this.#tellWatchers(id);
    await this.#news.keep();
  }

  async wait(id: string, condition: WaitCondition, timeoutMs: number, signal?: AbortSignal): Promise<InstanceStatus> {
    this.#entry(id);
    return await new Promise((resolve, reject) => {
      const look: Watcher = (changed) => {
        if (changed !== id) return;
        const answer = this.#judge(id, condition);
        if (answer === null) return;
        done();
        if (answer instanceof NovaError) reject(answer);
        else resolve(answer);
      };
      const done = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        signal?.removeEventListener("abort", giveUp);
      };
      const giveUp = (): void => {
        done();
        reject(new NovaError("WAIT_TIMEOUT", `Nobody waits any more for ${quote(id)} to be ${condition}.`, { place: id }));
      };
      signal?.addEventListener("abort", giveUp);
      const timer = setTimeout(() => {
        done();
        const { state, ready, why } = this.status(id);
        const now = state === "running" ? (ready ? "ready" : "running, but not ready") : state;
        const message = `${quote(id)} was not ${condition} within ${timeoutMs} ms: it is ${now} (${why}).`;
        reject(new NovaError("WAIT_TIMEOUT", message, { place: id }));
      }, timeoutMs);
      this.#watchers.add(look);
      look(id);
      if (signal?.aborted === true) giveUp();
    });
  }

  /** Null: not yet. */
  #judge(id: string, condition: WaitCondition): InstanceStatus | NovaError | null {
    const entry = this.#entries.get(id);
    if (entry === undefined) return new NovaError("INSTANCE_NOT_FOUND", `${quote(id)} was removed.`, { place: id });
    const { instance } = entry;
    const { status } = instance;
    const isMet = {
      running: status.state === "running",
      ready: status.state === "running" && status.ready,
      stopped: status.state === "stopped" && instance.isSettled,
    }[condition];
    if (isMet) return status;
    if (!instance.isSettled) return null;
    return new NovaError("INSTANCE_FAILED", `${quote(id)} will not be ${condition}: it is ${status.state} (${status.why}).`, {
      place: id,
    });
  }

  place(id: string): { readonly env: Readonly<Record<string, string>>; readonly directory: string } {
    const { spec } = this.#entry(id).instance;
    return { env: instanceEnvironment(this.#around.env, spec), directory: spec.directory };
  }

  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    const endsAtMs = performance.now() + graceMs - Math.min(KILL_RESERVE_MS, graceMs / 4);
    const waits = new Map([...this.#entries].map(([id, { instance }]) => [id, instance.spec.after]));
    const line = depths(waits);
    const ends = new Map<string, Promise<void>>();
    const end = (id: string): Promise<void> => {
      const known = ends.get(id);
      if (known !== undefined) return known;
      const dependents = [...waits].filter(([, after]) => after.includes(id)).map(([one]) => end(one));
      const ending = Promise.all(dependents).then(() => this.#endOne(id, (endsAtMs - performance.now()) / (line.get(id) ?? 1)));
      ends.set(id, ending);
      return ending;
    };
    await Promise.all([...waits.keys()].map(end));
    await this.#news.closed();
  }

  async #endOne(id: string, mostMs: number): Promise<void> {
    const instance = this.#entries.get(id)?.instance;
    if (instance === undefined || instance.isSettled) return;
    try {
      await instance.stop(Math.max(0, Math.min(instance.spec.stopGraceMs, mostMs)));
    } catch (thrown) {
      this.#news.tell(messageOf(thrown));
    }
  }

  #changed(instance: Instance): void {
    const { status } = instance;
    const entry = this.#entries.get(status.id);
    if (entry !== undefined && this.#closing === null && status.state === "stopped" && instance.isSettled) entry.shallRun = false;
    this.#news.onStatus(status);
    this.#news.keepSoon();
    this.#tellWatchers(status.id);
  }

  #tellWatchers(id: string): void {
    for (const watcher of [...this.#watchers]) watcher(id);
    for (const { instance } of this.#entries.values()) if (instance.spec.after.includes(id)) instance.look();
  }

  #waitsFor(spec: InstanceSpec): string | null {
    const missing = spec.after.flatMap((id) => {
      const status = this.#entries.get(id)?.instance.status;
      if (status?.state === "running" && status.ready) return [];
      const how = status === undefined ? "was removed" : status.state === "running" ? "is not ready" : `is ${status.state}`;
      return [`${quote(id)}, which ${how}`];
    });
    return missing.length === 0 ? null : missing.join(", and for ");
  }

  #refuseOrder({ id, after }: InstanceSpec): void {
    const unknown = after.find((one) => one !== id && !this.#entries.has(one));
    if (unknown !== undefined) {
      throw new NovaError("INSTANCE_INVALID", `${quote(id)} cannot wait for ${quote(unknown)}: there is no such instance.`, {
        place: "after",
        next: `Start ${quote(unknown)} first.`,
      });
    }
    const waits = new Map([...this.#entries].map(([one, { instance }]) => [one, instance.spec.after]));
    const circle = circleThrough(id, waits.set(id, after));
    if (circle === null) return;
    throw new NovaError(
      "INSTANCE_INVALID",
      `Instances would wait for one another in a circle: ${circle.map((one) => quote(one)).join(" → ")}.`,
      {
        place: "after",
        next: "Take one of them out of the line.",
      },
    );
  }

  #refuseWhenClosing(id: string): void {
    if (this.#closing === null) return;
    throw new NovaError("INSTANCE_FAILED", `${quote(id)} is not started: the supervisor is ending.`, {
      place: id,
      next: "Start it when the container runs again.",
    });
  }

  #entry(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new NovaError("INSTANCE_NOT_FOUND", `There is no instance ${quote(id)}.`, { place: id });
    return entry;
  }
}

function refuseLeaving(entry: Entry | undefined): void {
  if (entry?.isLeaving !== true) return;
  const { id } = entry.instance.status;
  throw new NovaError("INSTANCE_RUNNING", `${quote(id)} is being removed.`, {
    place: id,
    next: "Start it when it is gone.",
  });
}
