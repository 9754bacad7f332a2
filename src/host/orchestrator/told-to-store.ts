import { setTimeout as delay } from "node:timers/promises";
import type { HouseEvent, NewEvent } from "../../model/entry.ts";
import { messageOf } from "../../model/errors.ts";
import type { MessageView } from "../../model/kept.ts";
import type { Logger } from "../../orchestrator/ports.ts";
import type { Store } from "../../store/store.ts";

/** Of events and messages that wait while the database takes nothing. */
const MOST_WAITING = 20_000;
const AGAIN_MS = 1000;

export type KeptMessage = Omit<MessageView, "position">;

/** An event of the house with what it is about; what is left out is nothing's. */
export type Told = { readonly event: HouseEvent } & Partial<Pick<NewEvent, "atMs" | "group" | "run" | "worker" | "container">>;

/** Puts what happens in the house into the store, in its order, and again when the store could not take it. */
export class ToldToStore {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #over = new AbortController();
  #events: NewEvent[] = [];
  #messages: KeptMessage[] = [];
  #work: (() => Promise<void>)[] = [];
  #putting: Promise<void> | null = null;

  constructor(store: Store, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  tell(...told: readonly Told[]): void {
    const nothing = { worker: null, container: null, instance: null, group: null, run: null };
    this.#events.push(...told.map((one) => ({ ...nothing, atMs: Date.now(), ...one })));
    const over = this.#events.length - MOST_WAITING;
    if (over > 0) {
      this.#events.splice(0, over);
      this.#logger.error({ events: over }, "events of the house are lost: the database takes nothing");
    }
    this.#start();
  }

  keep(...messages: readonly KeptMessage[]): void {
    this.#messages.push(...messages);
    const over = this.#messages.length - MOST_WAITING;
    if (over > 0) {
      this.#messages.splice(0, over);
      this.#logger.error({ messages: over }, "messages are lost: the database takes nothing");
    }
    this.#start();
  }

  /** Something else that is to be put, and may be put twice; `work` gets what is true then. */
  put(work: (store: Store) => Promise<void>): void {
    this.#work.push(async () => await work(this.#store));
    this.#start();
  }

  /** Puts what waits, once, and takes nothing more. */
  async close(): Promise<void> {
    this.#over.abort();
    await this.#putting;
    await this.#putAll().catch((error: unknown) =>
      this.#logger.error({ reason: messageOf(error), events: this.#events.length }, "the last events of the house are lost"),
    );
  }

  #start(): void {
    if (!this.#over.signal.aborted) this.#putting ??= this.#putUntilDone().finally(() => (this.#putting = null));
  }

  async #putUntilDone(): Promise<void> {
    // What is told in one turn goes in at once.
    await Promise.resolve();
    while (this.#events.length + this.#messages.length + this.#work.length > 0) {
      try {
        await this.#putAll();
      } catch (error) {
        if (this.#over.signal.aborted) return;
        this.#logger.warn({ reason: messageOf(error) }, "what happened in the house waits: the database does not take it");
        await delay(AGAIN_MS, undefined, { signal: this.#over.signal }).catch(() => undefined);
        if (this.#over.signal.aborted) return;
      }
    }
  }

  async #putAll(): Promise<void> {
    for (let work = this.#work[0]; work; work = this.#work[0]) {
      await work();
      this.#work.shift();
    }
    // Messages before what is told of them: who hears of one finds it.
    await this.#taken(
      () => this.#messages,
      (rest) => (this.#messages = rest),
      async (messages) => await this.#store.putMessages(messages),
    );
    await this.#taken(
      () => this.#events,
      (rest) => (this.#events = rest),
      async (events) => void (await this.#store.append(events)),
    );
  }

  async #taken<T>(waiting: () => T[], set: (rest: T[]) => void, put: (all: readonly T[]) => Promise<void>): Promise<void> {
    const all = waiting();
    if (all.length === 0) return;
    set([]);
    try {
      await put(all);
    } catch (error) {
      set([...all, ...waiting()]);
      throw error;
    }
  }
}
