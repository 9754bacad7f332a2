import type { QueueEvent } from "../../agents/queue/events.ts";
import type { OutgoingMessage } from "../../model/message.ts";
import type { Store } from "../../store/store.ts";
import type { KeptMessage, Told, ToldToStore } from "./told-to-store.ts";

/** Messages that may still change are looked for among so many of the newest. */
const LOOK_BACK = 1000;
/** A queue that gives messages up one by one cannot make this grow without end. */
const MOST_OPEN = 50_000;

/** Makes events and messages of what the queue tells. */
export class QueueReport {
  readonly #into: ToldToStore;
  /** Messages that may still change, by direction, chat and id. */
  readonly #open = new Map<string, KeptMessage>();

  constructor(into: ToldToStore) {
    this.#into = into;
  }

  /** Takes up the messages that an earlier process of the home told of and that were not over then. Gives those that wait for an answer. */
  async resume(store: Store): Promise<readonly KeptMessage[]> {
    const { items } = await store.messages({ limit: LOOK_BACK });
    const open = items.filter(isOpen);
    for (const { position: _, ...message } of open) if (!this.#open.has(keyOf(message))) this.#remember(message);
    return open.filter(({ direction }) => direction === "in");
  }

  /** A run's record says that it answered these messages of a chat. */
  answered(chatJid: string, ids: readonly string[], run: string): void {
    for (const id of ids) this.#change("in", chatJid, id, { state: "answered", run });
  }

  take(event: QueueEvent): void {
    reports[event.kind](event as never, this.#hand);
  }

  readonly #hand: Hand = {
    tell: (told) => this.#into.tell(told),
    isNew: (message) => {
      if (isOpen(message)) this.#remember(message);
      else this.#open.delete(keyOf(message));
      this.#into.keep(message);
    },
    change: (direction, chatJid, id, changes) => this.#change(direction, chatJid, id, changes),
    groupOf: (direction, chatJid, id) => this.#open.get(keyOf({ direction, chatJid, id }))?.group ?? null,
  };

  #remember(message: KeptMessage): void {
    this.#open.set(keyOf(message), message);
    if (this.#open.size > MOST_OPEN) for (const oldest of this.#open.keys()) return void this.#open.delete(oldest);
  }

  #change(direction: "in" | "out", chatJid: string, id: string, changes: Partial<Pick<KeptMessage, "state" | "run">>): void {
    const key = keyOf({ direction, chatJid, id });
    const before = this.#open.get(key);
    if (!before) return;
    const message = { ...before, ...changes };
    if (isOpen(message)) this.#open.set(key, message);
    else this.#open.delete(key);
    this.#into.keep(message);
  }
}

interface Hand {
  tell(told: Told): void;
  isNew(message: KeptMessage): void;
  change(direction: "in" | "out", chatJid: string, id: string, changes: Partial<Pick<KeptMessage, "state" | "run">>): void;
  groupOf(direction: "in" | "out", chatJid: string, id: string): string | null;
}

const reports: { readonly [Kind in QueueEvent["kind"]]: (event: Extract<QueueEvent, { kind: Kind }>, hand: Hand) => void } = {
  arrived({ group, message }, hand) {
    const { chatJid, id, sender, text, timestamp } = message;
    const atMs = Date.parse(timestamp);
    const state = "waiting" as const;
    hand.isNew({ id, direction: "in", chatJid, group, run: null, sender, kind: "message", text, atMs, state });
    hand.tell({ group, event: { type: "message", what: "arrived", message: id, chatJid, why: `from ${sender}` } });
  },
  begun({ group, messages, task }, hand) {
    const why = task === null ? `${messages} message${messages === 1 ? "" : "s"}` : `task ${task}`;
    hand.tell({ group, event: { type: "run", what: "begun", outcome: null, why } });
  },
  handed({ group, run, message }, hand) {
    hand.tell({ group, run, event: { type: "run", what: "handed", outcome: null, why: `message ${message}` } });
  },
  answered({ group, run, afterMs }, hand) {
    hand.tell({ group, run, event: { type: "run", what: "answered", outcome: null, why: `after ${afterMs} ms` } });
  },
  settled({ group, run, outcome, reason, messages, chatJid, failures }, hand) {
    // A run that came to have a record is told of by that, which knows more.
    if (run === null) hand.tell({ group, event: { type: "run", what: "settled", outcome: null, why: reason ?? outcome } });
    const failed = new Set(failures.filter(({ kind }) => kind === "message").map(({ id }) => id));
    for (const failure of failures) {
      if (failure.kind !== "message" || failure.chatJid === null) continue;
      hand.change("in", failure.chatJid, failure.id, { state: "given up", run });
    }
    if (chatJid === null) return;
    for (const id of messages) if (!failed.has(id)) hand.change("in", chatJid, id, { state: "answered", run });
  },
  sent({ message }, hand) {
    hand.isNew(outgoing(message, "sent"));
    const { chatJid, group, run, id, kind } = message;
    hand.tell({ group, run, event: { type: "message", what: "sent", message: id, chatJid, why: kind } });
  },
  unsent({ message, reason }, hand) {
    hand.isNew(outgoing(message, "unsent"));
    const { chatJid, group, run, id } = message;
    hand.tell({ group, run, event: { type: "message", what: "unsent", message: id, chatJid, why: reason } });
  },
  "given up"({ chatJid, messages, reason }, hand) {
    for (const message of messages) {
      const group = hand.groupOf("out", chatJid, message);
      hand.change("out", chatJid, message, { state: "given up" });
      hand.tell({ group, event: { type: "message", what: "given up", message, chatJid, why: reason } });
    }
  },
  trouble({ reason }, hand) {
    hand.tell({ event: { type: "trouble", why: reason } });
  },
};

function outgoing({ id, chatJid, group, run, kind, text, createdAt }: OutgoingMessage, state: "sent" | "unsent"): KeptMessage {
  return { id, direction: "out", chatJid, group, run, sender: group, kind, text, atMs: Date.parse(createdAt), state };
}

/** Something may still become of it. */
function isOpen({ state }: Pick<KeptMessage, "state">): boolean {
  return state === "waiting" || state === "unsent";
}

function keyOf({ direction, chatJid, id }: Pick<KeptMessage, "direction" | "chatJid" | "id">): string {
  return JSON.stringify([direction, chatJid, id]);
}
