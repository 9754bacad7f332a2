import { setTimeout as delay } from "node:timers/promises";
import type { HouseEvent, NewEvent } from "../../model/entry.ts";
import { messageOf } from "../../model/errors.ts";
import type { MessageView } from "../../model/kept.ts";
import type { RunRecord } from "../../model/run.ts";
import type { Logger } from "../../orchestrator/ports.ts";
import type { Store } from "../../store/store.ts";

/** Of each kind, so many may wait while the database takes nothing. */
const MOST_WAITING = 20_000;
const AGAIN_MS = 1000;

export type KeptMessage = Omit<MessageView, "position">;

/** An event of the house with what it is about; what is left out is nothing's. */
export type Told = { readonly event: HouseEvent } & Partial<Pick<NewEvent, "atMs" | "group" | "run" | "worker" | "container">>;

/** What waits to go in together. */
interface Waiting {
  readonly runs: readonly RunRecord[];
  readonly messages: readonly KeptMessage[];
  readonly events: readonly NewEvent[];
}

const nothingWaits: Waiting = { runs: [], messages: [], events: [] };

const lost: Readonly<Record<keyof Waiting, string>> = {
  runs: "runs are lost: the database takes nothing",
  messages: "messages are lost: the database takes nothing",
  events: "events of the house are lost: the database takes nothing",
};

/**
 * Puts what happens in the house into the store, in its order, and again when the store could not take it. What is given in one turn goes in whole
 * or not at all: a process that is killed in between leaves no row whose event nobody tells any more.
 */
export class ToldToStore {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #over = new AbortController();
  #waiting: Waiting = nothingWaits;
  #work: (() => Promise<void>)[] = [];
  #putting: Promise<void> | null = null;

  constructor(store: Store, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  tell(...told: readonly Told[]): void {
    const nothing = { worker: null, container: null, instance: null, group: null, run: null };
    this.#take("events", ...told.map((one): NewEvent => ({ ...nothing, atMs: Date.now(), ...one })));
  }

  keep(...messages: readonly KeptMessage[]): void {
    this.#take("messages", ...messages);
  }

  keepRuns(...records: readonly RunRecord[]): void {
    this.#take("runs", ...records);
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
      this.#logger.error(
        { reason: messageOf(error), events: this.#waiting.events.length },
        "the last events of the house are lost",
      ),
    );
  }

  #take<Kind extends keyof Waiting>(kind: Kind, ...some: Waiting[Kind]): void {
    const all = [...this.#waiting[kind], ...some];
    const over = all.length - MOST_WAITING;
    if (over > 0) this.#logger.error({ [kind]: over }, lost[kind]);
    this.#waiting = { ...this.#waiting, [kind]: over > 0 ? all.slice(over) : all };
    this.#start();
  }

  #start(): void {
    if (!this.#over.signal.aborted) this.#putting ??= this.#putUntilDone().finally(() => (this.#putting = null));
  }

  async #putUntilDone(): Promise<void> {
    // What is told in one turn goes in at once.
    await Promise.resolve();
    while (this.#work.length > 0 || isAnything(this.#waiting)) {
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
    if (!isAnything(this.#waiting)) return;
    const { runs, messages, events } = this.#waiting;
    this.#waiting = nothingWaits;
    try {
      await this.#store.append(events, { runs, messages });
    } catch (error) {
      const later = this.#waiting;
      this.#waiting = {
        runs: [...runs, ...later.runs],
        messages: [...messages, ...later.messages],
        events: [...events, ...later.events],
      };
      throw error;
    }
  }
}

function isAnything({ runs, messages, events }: Waiting): boolean {
  return runs.length + messages.length + events.length > 0;
}
