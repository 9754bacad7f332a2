import type { Entry, EventEntry, WorkerState } from "../model/entry.ts";
import { eventText, whereText } from "../model/event-text.ts";
import { count } from "./queue-lines.ts";

// Of what workers and the house tell, what is news to a person who watches `novabot up`.

/** Tells of entries by `tell`, a line each, those only that say something new. */
export class News {
  readonly #tell: (line: string) => void;
  /** Workers that begin, which is no news before it is known how that ends; and those that were told to be lost. */
  readonly #unlinked = new Map<string, "begins" | "lost">();
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
        return ["door", "module", "denied", "viewer", "trouble"].includes(event.type);
    }
  }

  #isWorkerNews(entry: EventEntry, state: WorkerState): boolean {
    const worker = entry.worker ?? "";
    const known = this.#unlinked.get(worker);
    switch (state) {
      case "connecting":
        if (known === undefined) this.#unlinked.set(worker, "begins");
        return false;
      case "lost":
        this.#unlinked.set(worker, "lost");
        return known !== "lost";
      case "linked":
        this.#unlinked.delete(worker);
        return true;
      case "stopped":
      case "gone":
        this.#unlinked.delete(worker);
        return known !== "begins";
      default:
        return state satisfies never;
    }
  }
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
