import type { Entry, EventEntry, WorkerState } from "../model/entry.ts";
import { eventText, whereText } from "../model/event-text.ts";
import { count } from "./queue-lines.ts";

// Of what workers and the house tell, what is news to a person who watches `novabot up`.

/** So long may a worker take to answer before it is told that it does not: one that starts is refused a few times. */
const PATIENCE_MS = 5000;

/** Tells of entries by `tell`, a line each, those only that say something new. */
export class News {
  readonly #tell: (line: string) => void;
  /** Workers that are being connected to. */
  readonly #coming = new Set<string>();
  /** Those of them that do not answer, and when that will be told; null: it was. */
  readonly #late = new Map<string, NodeJS.Timeout | null>();
  /** Processes that were told to crash again and again. */
  readonly #looping = new Set<string>();

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  take(entry: Entry): void {
    switch (entry.kind) {
      case "log":
        return;
      case "lost":
        return this.#say(entry, `${count(entry.lines, "line")} lost (${entry.reason})`);
      case "error":
        if (entry.error.count === 1)
          this.#say(entry, firstLine([entry.error.name, entry.error.message].filter(Boolean).join(": ")));
        return;
      case "event":
        if (this.#isNews(entry)) this.#say(entry, firstLine(eventText(entry.event)));
        return;
      default:
        entry satisfies never;
    }
  }

  end(): void {
    for (const timer of this.#late.values()) clearTimeout(timer ?? undefined);
    this.#late.clear();
  }

  #say(entry: Entry, text: string): void {
    const where = whereText(entry);
    this.#tell(`${where === "-" ? "" : `${where}  `}${text}`);
  }

  /** Runs, messages and what the pool does are told by the queue. */
  #isNews(entry: EventEntry): boolean {
    const { event } = entry;
    switch (event.type) {
      case "instance": {
        const { state, crashLoop } = event.status;
        const which = JSON.stringify([entry.worker, entry.container, entry.instance]);
        if (!crashLoop) {
          this.#looping.delete(which);
          return state === "crashed";
        }
        const isNew = !this.#looping.has(which);
        this.#looping.add(which);
        return isNew;
      }
      case "worker":
        return this.#isWorkerNews(entry, event.state);
      case "booted":
        return event.previous !== null && !event.previous.clean;
      case "check":
        return event.why !== "kept";
      default:
        return ["module", "denied", "viewer", "trouble"].includes(event.type);
    }
  }

  #isWorkerNews(entry: EventEntry, state: WorkerState): boolean {
    const worker = entry.worker ?? "";
    const isComing = this.#coming.has(worker);
    switch (state) {
      case "connecting":
        this.#coming.add(worker);
        return false;
      case "lost":
        this.#coming.add(worker);
        if (!isComing) this.#late.set(worker, null);
        else if (!this.#late.has(worker)) this.#late.set(worker, this.#later(worker, entry));
        return !isComing;
      case "linked":
      case "stopped":
      case "gone": {
        const wasTold = this.#late.get(worker) === null;
        clearTimeout(this.#late.get(worker) ?? undefined);
        this.#late.delete(worker);
        this.#coming.delete(worker);
        return state === "linked" || wasTold || !isComing;
      }
      default:
        return state satisfies never;
    }
  }

  #later(worker: string, entry: EventEntry): NodeJS.Timeout {
    return setTimeout(() => {
      this.#late.set(worker, null);
      this.#say(entry, firstLine(eventText(entry.event)));
    }, PATIENCE_MS);
  }
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
