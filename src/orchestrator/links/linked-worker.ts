import type { HouseEvent, WorkerState } from "../../model/entry.ts";
import type { DoorState, WorkerView } from "../../model/kept.ts";
import type { Hello } from "../../model/link.ts";
import type { CallParams, CallResult, WorkerCallName } from "../../model/worker-calls.ts";
import { messageOf, NovaError } from "../../model/errors.ts";
import type { Store, WorkerChange } from "../../store/store.ts";
import { type LinkState, openLink, type WorkerLink } from "../../workers/link/link.ts";
import { pause } from "../../workers/link/pause.ts";
import type { Fleet, FoundWorker, Logger } from "../ports.ts";
import { historyOf } from "./history.ts";
import { mayPass, sinkOf } from "./sink.ts";
import type { LinkTimes } from "./times.ts";

export interface LinkedParts {
  readonly fleet: Fleet;
  readonly store: Store;
  readonly logger: Logger;
  readonly now: () => number;
  readonly times: LinkTimes;
  /** Of the records that may wait to be kept, for one worker. */
  readonly heldBytes: () => number;
}

interface State {
  readonly state: WorkerState;
  readonly container: string | null;
  readonly why: string;
}

type Health = NonNullable<WorkerView["health"]>;

/** So often a state is tried again that the database fails at: more than a minute, in which its threads begin anew. */
const MOST_FAILURES = 20;

/** One worker: what was found of its container, the link to it, and what is told of both. */
export class LinkedWorker {
  state: State;
  health: Health | null = null;
  readonly #name: string;
  readonly #parts: LinkedParts;
  #found: FoundWorker | null = null;
  #link: WorkerLink | null = null;
  /** Of the clock: up to then a container that began is given time before its supervisor listens. */
  #beginsUntilMs = 0;
  /** Stands for the present link; what an earlier one still tells is no news. */
  #turn: object | null = null;
  /** Why what it sends cannot be kept, while that is so. */
  #trouble: string | null = null;
  #probing: ReturnType<typeof setInterval> | null = null;
  /** Of the store's: one after the other, so that rows and events are in the order of what happened. */
  #writing: Promise<void> = Promise.resolve();
  readonly #over = new AbortController();

  /** `known`: how the store knew it before this process began. */
  constructor(name: string, parts: LinkedParts, known: Pick<WorkerView, "state" | "container"> | null) {
    this.#name = name;
    this.#parts = parts;
    // Linked anew is no news after a new start of this side; a worker that was away and is back is.
    const state = known?.state ?? "gone";
    this.state = { state, container: known?.container ?? null, why: known ? "not looked for yet" : "not known before" };
  }

  /** As it is told: one that was linked when this side ended is not linked again before its hello. */
  get shown(): State {
    if (this.state.state !== "linked" || this.#link?.state.kind === "linked") return this.state;
    return { ...this.state, state: "connecting", why: "it was linked when the orchestrator ended, and is connected to again" };
  }

  found(found: FoundWorker): void {
    const before = this.#found;
    this.#found = found;
    const { container, running, trouble, image, engine } = found;
    if (before?.incarnation !== found.incarnation || before.running !== running) {
      this.#unlink();
      this.#put({ container, image, engine, bootID: null, bootedAtMs: null, version: null });
      if (running) {
        // A worker that was linked when this side ended is expected to be there still.
        const isExpected = before === null && this.state.state === "linked";
        if (!isExpected) this.#set("connecting", trouble ?? "its container runs");
        this.#beginsUntilMs = isExpected ? 0 : this.#parts.now() + this.#parts.times.beginMs;
        this.#open(found);
      }
    }
    if (!running)
      this.#set(
        container === null ? "gone" : "stopped",
        trouble ?? (container === null ? "it has no container" : "its container does not run"),
      );
    else if (trouble !== null && this.#link?.state.kind !== "linked") this.#set("lost", trouble);
  }

  gone(): void {
    if (this.state.state === "gone" && this.#found === null) return;
    this.#found = null;
    this.#unlink();
    this.#set("gone", "its container is not there any more");
  }

  async askHealth(): Promise<Health> {
    const { fleet } = this.#parts;
    const probing = this.#probing;
    const [terminal, websocket] = await Promise.all([
      fleet.health(this.#name, "terminal"),
      fleet.health(this.#name, "websocket"),
    ]);
    // What is heard of the doors of one that was lost meanwhile is no news.
    if (probing !== null && this.#probing === probing) {
      this.#tellDoor("terminal", this.health?.terminal, terminal);
      this.#tellDoor("websocket", this.health?.websocket, websocket);
      this.health = { terminal, websocket };
    }
    return { terminal, websocket };
  }

  async call<Name extends Exclude<WorkerCallName, "records.follow">>(
    name: Name,
    params: CallParams<Name>,
    signal?: AbortSignal,
  ): Promise<CallResult<Name>> {
    if (this.#link?.state.kind !== "linked") {
      const { state, why } = this.shown;
      throw new NovaError("WORKER_UNREACHABLE", `the worker ${this.#name} is ${state}: ${why}`);
    }
    try {
      return await this.#link.call(name, params, signal ? { signal } : {});
    } catch (error) {
      if (!(error instanceof NovaError) || error.code !== "LINK_LOST") throw error;
      throw new NovaError(
        "WORKER_UNREACHABLE",
        `the worker ${this.#name} was lost before it answered ${name}; whether that was done is not known (${error.message})`,
        { cause: error },
      );
    }
  }

  async close(): Promise<void> {
    this.#over.abort();
    const link = this.#link;
    this.#unlink();
    await link?.close();
    await this.#writing;
  }

  #open(found: FoundWorker): void {
    const { fleet, store, times, heldBytes } = this.#parts;
    const from = { worker: this.#name, container: found.container ?? this.#name };
    const turn = {};
    this.#turn = turn;
    this.#link = openLink({
      dial: fleet.dial(this.#name),
      sink: sinkOf(store, from, times, (why) => {
        if (this.#turn === turn) this.#stuck(why);
      }),
      history: historyOf(store, from),
      onState: (state) => {
        if (this.#turn === turn) this.#linkIs(state, found);
      },
      heldBytes,
      silenceMs: times.silenceMs,
      helloMs: times.helloMs,
      firstDelayMs: times.firstDelayMs,
      mostDelayMs: times.mostDelayMs,
    });
  }

  #unlink(): void {
    const link = this.#link;
    this.#link = null;
    this.#turn = null;
    this.#stopProbing();
    this.#trouble = null;
    // Its end is nobody's news any more.
    link?.close().catch(() => {});
  }

  #linkIs(state: LinkState, found: FoundWorker): void {
    if (state.kind === "connecting") return;
    if (state.kind === "linked") return this.#greeted(state.hello, found);
    this.#stopProbing();
    const why = state.error?.message ?? "the link was closed";
    // Nobody listens yet, and nothing was there that could be lost. A door that refuses is not about to begin.
    const begins = this.state.state === "connecting" && this.#parts.now() < this.#beginsUntilMs;
    this.#set(begins && state.error?.code === "LINK_LOST" ? "connecting" : "lost", why);
  }

  #greeted(hello: Hello, found: FoundWorker): void {
    const { store } = this.#parts;
    const container = found.container ?? this.#name;
    const { bootID, bootedAtMs, version, instances, lastSeq } = hello;
    this.#put({ bootID, bootedAtMs, version });
    this.#beginsUntilMs = 0;
    // What waited with the link before is sent anew.
    this.#trouble = null;
    const asOf = { bootID, lastSeq, atMs: this.#parts.now() };
    this.#write(() => store.putProcesses(this.#name, container, asOf, instances));
    this.#set("linked", `linked with its supervisor ${version}`);
    this.#stopProbing();
    const probe = (): void => void this.askHealth().catch(() => {});
    this.#probing = setInterval(probe, this.#parts.times.healthMs);
    probe();
  }

  #stopProbing(): void {
    if (this.#probing) clearInterval(this.#probing);
    this.#probing = null;
    this.health = null;
  }

  /** `why`: what it sends cannot be kept, and waits with it; null: it can again. */
  #stuck(why: string | null): void {
    if (this.#trouble === why) return;
    this.#trouble = why;
    if (why === null) this.#parts.logger.info({ worker: this.#name }, "what the worker sends is kept again");
    else this.#parts.logger.warn({ worker: this.#name, why }, "what the worker sends cannot be kept, and waits with it");
    if (this.state.state === "linked")
      this.state = { ...this.state, why: why === null ? "linked" : `linked, and what it sends waits with it: ${why}` };
  }

  #set(state: WorkerState, why: string): void {
    if (this.#over.signal.aborted) return;
    const container = this.#found?.container ?? this.state.container;
    const before = this.state;
    this.state = { state, container, why };
    if (before.state === state && before.why === why && before.container === container) return;
    if (before.state === state) return this.#put({ why, container });
    const atMs = this.#parts.now();
    this.#parts.logger.info({ worker: this.#name, container, state, why }, `the worker is ${state}`);
    this.#put({ state, why, container, sinceMs: atMs });
    // A container that was made and does not run yet: nothing happened to what runs.
    if (before.state === "gone" && state === "stopped") return;
    this.#tell({ type: "worker", state, why }, atMs);
  }

  #tellDoor(door: keyof Health, before: DoorState | undefined, { healthy, reason, atMs }: DoorState): void {
    if (healthy === (before?.healthy ?? true)) return;
    const why = reason ?? "";
    this.#parts.logger[healthy ? "info" : "warn"](
      { worker: this.#name, door, why },
      `a door is ${healthy ? "healthy again" : "unhealthy"}`,
    );
    this.#tell({ type: "door", door, healthy, why }, atMs);
  }

  #tell(event: HouseEvent, atMs: number): void {
    const { container } = this.state;
    const about = { worker: this.#name, container, instance: null, group: null, run: null };
    this.#write(async () => void (await this.#parts.store.append([{ atMs, ...about, event }])));
  }

  #put(change: WorkerChange): void {
    this.#write(() => this.#parts.store.putWorker(this.#name, change));
  }

  #write(work: () => Promise<void>): void {
    this.#writing = this.#writing
      .then(() => this.#untilTaken(work))
      .catch((error: unknown) => {
        this.#parts.logger.error({ worker: this.#name, why: messageOf(error) }, "the worker's state could not be kept");
      });
  }

  /** While the database takes nothing it is tried again: nobody tells of that state once more. */
  async #untilTaken(work: () => Promise<void>): Promise<void> {
    const { keepAgainMs, mostKeepAgainMs } = this.#parts.times;
    let failures = 0;
    for (let delayMs = keepAgainMs; ; delayMs = Math.min(delayMs * 2, mostKeepAgainMs)) {
      try {
        return await work();
      } catch (error) {
        // What the database fails at again and again it may never do, and all else of the worker's would wait behind it.
        if (error instanceof NovaError && error.code === "STORE_FAILED") failures += 1;
        if (failures === MOST_FAILURES || !mayPass(error) || this.#over.signal.aborted) throw error;
      }
      await pause(delayMs, this.#over.signal);
    }
  }
}
