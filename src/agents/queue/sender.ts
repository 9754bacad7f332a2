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
  readonly backoff: (tries: number) => number;
  readonly onEvent: (event: QueueEvent) => void;
  /** How many chats are sent to at the same time. */
  readonly concurrency?: number;
}

/** Sends what the outbox holds: in order within a chat, and a chat that fails is in no other's way. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #busy = new Map<string, Promise<void>>();
  readonly #pauses = new Map<string, () => void>();
  readonly #tries = new Map<string, number>();
  #closed = false;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Looks for what can be sent now. */
  kick(): void {
    for (const chat of this.#options.outbox.keys()) {
      if (this.#closed || this.#busy.size >= (this.#options.concurrency ?? 8)) return;
      if (this.#busy.has(chat) || this.#pauses.has(chat)) continue;
      const sending = this.#sendAll(chat).finally(() => {
        this.#busy.delete(chat);
        this.kick();
      });
      this.#busy.set(chat, sending);
    }
  }

  /** Sends nothing more; resolves when what is being sent is over. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const callOff of this.#pauses.values()) callOff();
    this.#pauses.clear();
    await Promise.all(this.#busy.values());
  }

  async #sendAll(chat: string): Promise<void> {
    for (;;) {
      const message = this.#options.outbox.get(chat)?.[0];
      if (!message || this.#closed) return;
      try {
        await this.#options.chats.send(message);
      } catch (thrown) {
        this.#pause(chat, message, messageOf(thrown));
        return;
      }
      this.#tries.delete(chat);
      try {
        await this.#options.onSent(message.id);
      } catch {
        // The queue is being closed: the message is sent again after the next start, and the chat knows its id.
        return;
      }
      this.#options.onEvent({ kind: "sent", message });
    }
  }

  #pause(chat: string, message: OutgoingMessage, reason: string): void {
    const tries = (this.#tries.get(chat) ?? 0) + 1;
    this.#tries.set(chat, tries);
    const retryMs = this.#options.backoff(tries);
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
