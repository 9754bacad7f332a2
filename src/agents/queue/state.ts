import type { OutgoingMessage } from "../../model/message.ts";
import type { JobEnd, TaskJob } from "../../model/task.ts";
import { itemKey, type Failure, type Item, type QueueRecord } from "./records.ts";

/** How many ids of finished items, and of messages that were sent, are known again. */
export const REMEMBERED_IDS = 100_000;
const keptFailures = 200;

/** An item that waits or is with an agent. */
export interface HeldItem {
  readonly item: Item;
  /** How often a run was begun for it. */
  readonly tries: number;
  /** How often its host was killed while an agent had it. */
  readonly cuts: number;
}

interface MutableAttempt {
  id: number;
  group: string;
  open: number[];
  answered: number[];
  final: boolean;
  run: string | null;
  result: string | null;
}

/**
 * What the journal's records amount to. `apply` is the only way in, and running code and recovery both go through it, so that
 * a state after a crash is a state like any other. A record about something that is not there any more changes nothing.
 */
export class QueueState {
  nextSeq = 1;
  nextAttempt = 1;
  /** Every item that is not finished, by its number. */
  readonly items: Map<number, HeldItem> = new Map();
  /** For each group, the items that wait, in the order of their numbers, which is that of their arrival. */
  readonly waiting: Map<string, number[]> = new Map();
  readonly attempts: Map<number, MutableAttempt> = new Map();
  /** Milliseconds since 1970 before which a group is not tried again. */
  readonly retryAt: Map<string, number> = new Map();
  /** Messages that are to be sent, for each chat in order. */
  readonly outbox: Map<string, OutgoingMessage[]> = new Map();
  /** Ends of jobs that whoever asked for them was not told of yet. */
  readonly untold: Map<string, { readonly job: TaskJob; readonly end: JobEnd }> = new Map();
  failures: Failure[] = [];
  readonly #keys = new Map<string, number>();
  readonly #finished = new Remembered(REMEMBERED_IDS);
  readonly #outgoing = new Remembered(REMEMBERED_IDS);

  /** Whether a message or job with this key was ever taken up. */
  knows(key: string): boolean {
    return this.#keys.has(key) || this.#finished.has(key);
  }

  knowsOutgoing(id: string): boolean {
    return this.#outgoing.has(id);
  }

  apply(record: QueueRecord): void {
    switch (record.type) {
      case "item": {
        const { item } = record;
        this.nextSeq = Math.max(this.nextSeq, item.seq + 1);
        if (this.knows(itemKey(item))) return;
        this.items.set(item.seq, { item, tries: record.tries ?? 0, cuts: record.cuts ?? 0 });
        this.#keys.set(itemKey(item), item.seq);
        this.#wait(item);
        return;
      }
      case "begun": {
        this.nextAttempt = Math.max(this.nextAttempt, record.attempt + 1);
        const open = record.items.filter((seq) => this.#leaveWaiting(seq));
        for (const seq of open) this.#count(seq, { tries: 1 });
        this.retryAt.delete(record.group);
        this.attempts.set(record.attempt, {
          id: record.attempt,
          group: record.group,
          open,
          answered: [],
          final: false,
          run: null,
          result: null,
        });
        return;
      }
      case "taken": {
        const attempt = this.attempts.get(record.attempt);
        if (!attempt || !this.#leaveWaiting(record.item)) return;
        this.#count(record.item, { tries: 1 });
        attempt.open.push(record.item);
        attempt.final = false;
        return;
      }
      case "answered": {
        const attempt = this.attempts.get(record.attempt);
        if (record.outgoing) this.#post(record.outgoing);
        if (!attempt) return;
        attempt.answered.push(...attempt.open.splice(0));
        attempt.final = record.final;
        attempt.run = record.run;
        if (record.result !== null) attempt.result = record.result;
        return;
      }
      case "posted":
        this.#post(record.outgoing);
        return;
      case "settled":
        this.#settle(record);
        return;
      case "sent":
        this.#leaveOutbox(record.id);
        return;
      case "unsent":
        this.#giveUp(record);
        return;
      case "told":
        this.untold.delete(record.job);
        return;
      case "counters":
        this.nextSeq = Math.max(this.nextSeq, record.seq);
        this.nextAttempt = Math.max(this.nextAttempt, record.attempt);
        return;
      case "attempt": {
        const { open, answered } = record.attempt;
        for (const seq of [...open, ...answered]) this.#leaveWaiting(seq);
        this.attempts.set(record.attempt.id, { ...record.attempt, open: [...open], answered: [...answered] });
        return;
      }
      case "retry":
        this.retryAt.set(record.group, record.at);
        return;
      case "finished":
        for (const key of record.keys) this.#finished.add(key);
        return;
      case "outgoing-known":
        for (const id of record.ids) this.#outgoing.add(id);
        return;
      case "ended":
        this.untold.set(record.job.id, { job: record.job, end: record.end });
        return;
      case "failures":
        this.failures = [...record.failures];
    }
  }

  /** Records that make an equal state of nothing. */
  *snapshot(): Generator<QueueRecord> {
    yield { type: "counters", seq: this.nextSeq, attempt: this.nextAttempt };
    for (const keys of chunks(this.#finished.values())) yield { type: "finished", keys };
    // Before those that wait, which are known by being posted.
    const waiting = new Set([...this.outbox.values()].flat().map(({ id }) => id));
    for (const ids of chunks(this.#outgoing.values())) {
      yield { type: "outgoing-known", ids: ids.filter((id) => !waiting.has(id)) };
    }
    for (const { item, tries, cuts } of this.items.values()) yield { type: "item", item, tries, cuts };
    for (const attempt of this.attempts.values()) yield { type: "attempt", attempt: { ...attempt } };
    for (const [group, at] of this.retryAt) yield { type: "retry", group, at };
    for (const messages of this.outbox.values()) for (const outgoing of messages) yield { type: "posted", outgoing };
    for (const { job, end } of this.untold.values()) yield { type: "ended", job, end };
    yield { type: "failures", failures: this.failures };
  }

  #settle(record: Extract<QueueRecord, { type: "settled" }>): void {
    const attempt = this.attempts.get(record.attempt);
    if (!attempt) return;
    this.attempts.delete(record.attempt);
    for (const [seq, end] of record.ends) {
      const held = this.items.get(seq);
      if (!held) continue;
      if (end === "again" || end === "back" || end === "cut") {
        if (end !== "again") this.#count(seq, { tries: -1, cuts: end === "cut" ? 1 : 0 });
        this.#wait(held.item);
        continue;
      }
      if (held.item.kind === "job" && record.job) {
        this.untold.set(held.item.job.id, { job: held.item.job, end: record.job });
      }
      this.items.delete(seq);
      this.#keys.delete(itemKey(held.item));
      this.#finished.add(itemKey(held.item));
    }
    if (record.retryAt > 0) this.retryAt.set(attempt.group, record.retryAt);
    else this.retryAt.delete(attempt.group);
    for (const outgoing of record.outgoing) this.#post(outgoing);
    this.#fail(record.failures);
  }

  #giveUp({ ids, reason, at }: Extract<QueueRecord, { type: "unsent" }>): void {
    const messages = ids.flatMap((id) => this.#leaveOutbox(id) ?? []);
    this.#fail(
      messages.map(({ id, chatJid, group, run }) => ({
        group,
        chatJid,
        id,
        kind: "outgoing",
        outcome: "unsent",
        reason,
        run,
        at,
      })),
    );
  }

  #fail(failures: readonly Failure[]): void {
    if (failures.length) this.failures = [...this.failures, ...failures].slice(-keptFailures);
  }

  #post(outgoing: OutgoingMessage): void {
    if (this.#outgoing.has(outgoing.id)) return;
    this.#outgoing.add(outgoing.id);
    const queue = this.outbox.get(outgoing.chatJid);
    if (queue) queue.push(outgoing);
    else this.outbox.set(outgoing.chatJid, [outgoing]);
  }

  /** Gives the message that left; undefined when it was not there. */
  #leaveOutbox(id: string): OutgoingMessage | undefined {
    for (const [chat, messages] of this.outbox) {
      const at = messages.findIndex((message) => message.id === id);
      if (at < 0) continue;
      const [message] = messages.splice(at, 1);
      if (!messages.length) this.outbox.delete(chat);
      return message;
    }
    return undefined;
  }

  #wait(item: Item): void {
    const queue = this.waiting.get(item.group);
    if (!queue) {
      this.waiting.set(item.group, [item.seq]);
      return;
    }
    // What comes back was there before what came meanwhile.
    const at = queue.findLastIndex((seq) => seq < item.seq) + 1;
    if (queue[at] !== item.seq) queue.splice(at, 0, item.seq);
  }

  #leaveWaiting(seq: number): boolean {
    const group = this.items.get(seq)?.item.group;
    const queue = group === undefined ? undefined : this.waiting.get(group);
    const at = queue?.indexOf(seq) ?? -1;
    if (!queue || group === undefined || at < 0) return false;
    queue.splice(at, 1);
    if (!queue.length) this.waiting.delete(group);
    return true;
  }

  #count(seq: number, { tries, cuts = 0 }: { readonly tries: number; readonly cuts?: number }): void {
    const held = this.items.get(seq);
    if (held) this.items.set(seq, { item: held.item, tries: Math.max(0, held.tries + tries), cuts: held.cuts + cuts });
  }
}

/** The newest of many texts. */
class Remembered {
  readonly #values = new Set<string>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  has(value: string): boolean {
    return this.#values.has(value);
  }

  add(value: string): void {
    this.#values.add(value);
    if (this.#values.size <= this.#limit) return;
    for (const oldest of this.#values) {
      this.#values.delete(oldest);
      break;
    }
  }

  values(): Iterable<string> {
    return this.#values;
  }
}

function* chunks(values: Iterable<string>): Generator<string[]> {
  let chunk: string[] = [];
  for (const value of values) {
    chunk.push(value);
    if (chunk.length < 1000) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length) yield chunk;
}
