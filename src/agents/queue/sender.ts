import { messageOf } from "../../model/errors.ts";
import type { OutgoingMessage } from "../../model/message.ts";
import type { Chats } from "./chats.ts";
import type { Clock } from "./clock.ts";
import type { QueueEvent } from "./events.ts";

export interface SenderOptions {
  readonly chats: Chats;
  readonly clock: Clock;
  /** What is to be sent, for each chat in order. */
  readonly outbox: ReadonlyMap<string, readonly OutgoingMessage[]>;
  /** Keeps on disk that a message was sent, and takes it out of the outbox. */
  readonly onSent: (id: string) => Promise<void>;
  /** Keeps on disk that these are not tried any more, and takes them out of the outbox. */
  readonly onGivenUp: (messages: readonly OutgoingMessage[], reason: string) => Promise<void>;
  readonly backoff: (tries: number) => number;
  readonly onEvent: (event: QueueEvent) => void;
  /** How many chats are sent to at the same time. */
  readonly concurrency?: number;
}

/** What waits at most for a chat that cannot be sent to: beyond it the oldest are given up. */
export const OUTBOX_LIMITS = { messages: 1000, characters: 33_554_432, ageMs: 604_800_000 } as const;
/** A message is not too old before its chat has failed so often: the machine may have been off for long. */
const triesBeforeOld = 10;
/** A chat that takes longer for one message has failed. */
const sendMs = 120_000;
/** At the end what is being sent may take so long; after that it is sent again at the next start, and the chat knows its id. */
const closingMs = 5000;

interface Failing {
  readonly tries: number;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly retryAt: number;
}

/** Sends what the outbox holds: in order within a chat, and a chat that fails is in no other's way. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #busy = new Map<string, Promise<void>>();
  readonly #givingUp = new Set<string>();
  readonly #pauses = new Map<string, () => void>();
  readonly #failing = new Map<string, Failing>();
  #closed = false;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Looks for what can be sent now. */
  kick(): void {
    for (const chat of this.#options.outbox.keys()) {
      if (this.#pauses.has(chat)) this.#bound(chat);
      if (this.#closed || this.#busy.size >= (this.#options.concurrency ?? 8)) return;
      if (this.#busy.has(chat) || this.#pauses.has(chat)) continue;
      const sending = this.#sendAll(chat).finally(() => {
        this.#busy.delete(chat);
        this.kick();
      });
      this.#busy.set(chat, sending);
    }
  }

  /** Chats that could not be sent to the last time. */
  get failing(): ReadonlyMap<string, Failing> {
    return this.#failing;
  }

  /** Sends nothing more; resolves when what is being sent is over, or takes too long for an end. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const callOff of this.#pauses.values()) callOff();
    this.#pauses.clear();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const callOff = this.#options.clock.after(closingMs, resolve);
    await Promise.race([late, Promise.all(this.#busy.values())]);
    callOff();
  }

  async #sendAll(chat: string): Promise<void> {
    for (;;) {
      const message = this.#options.outbox.get(chat)?.[0];
      if (!message || this.#closed) return;
      try {
        await this.#send(message);
      } catch (thrown) {
        this.#pause(chat, message, messageOf(thrown));
        return;
      }
      this.#failing.delete(chat);
      try {
        await this.#options.onSent(message.id);
      } catch {
        // The queue is being closed: the message is sent again after the next start, and the chat knows its id.
        return;
      }
      this.#options.onEvent({ kind: "sent", message });
    }
  }

  async #send(message: OutgoingMessage): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const callOff = this.#options.clock.after(sendMs, () => reject(new Error(`It took longer than ${sendMs / 1000} s.`)));
    try {
      await Promise.race([this.#options.chats.send(message), late]);
    } finally {
      callOff();
    }
  }

  /** Gives up what is beyond the bounds of a chat that fails. Nothing is being sent to it now. */
  #bound(chat: string): void {
    const failing = this.#failing.get(chat);
    if (!failing) return;
    const now = this.#options.clock.now();
    const messages = this.#options.outbox.get(chat) ?? [];
    let count = messages.length;
    let characters = messages.reduce((sum, { text }) => sum + text.length, 0);
    const over = messages.findIndex(({ text, createdAt }) => {
      const isOld = failing.tries >= triesBeforeOld && now - Date.parse(createdAt) > OUTBOX_LIMITS.ageMs;
      if (!isOld && count <= OUTBOX_LIMITS.messages && characters <= OUTBOX_LIMITS.characters) return true;
      count -= 1;
      characters -= text.length;
      return false;
    });
    const given = over < 0 ? messages : messages.slice(0, over);
    if (!given.length || this.#givingUp.has(chat)) return;
    this.#givingUp.add(chat);
    void this.#options.onGivenUp(given, failing.reason).finally(() => this.#givingUp.delete(chat));
  }

  #pause(chat: string, message: OutgoingMessage, reason: string): void {
    const tries = (this.#failing.get(chat)?.tries ?? 0) + 1;
    const retryMs = this.#options.backoff(tries);
    this.#failing.set(chat, { tries, reason, retryAt: this.#options.clock.now() + retryMs });
    this.#bound(chat);
    this.#options.onEvent({ kind: "unsent", message, reason, retryMs });
    if (this.#closed) return;
    this.#pauses.set(
      chat,
      this.#options.clock.after(retryMs, () => {
        this.#pauses.delete(chat);
        this.kick();
      }),
    );
  }
}
