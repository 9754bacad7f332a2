import type { QueueEvent } from "../../agents/queue/events.ts";
import type { LocalChats, LocalMessage } from "./local-chats.ts";

/** What someone who watches a chat is told. */
export type ChatEvent =
  | { readonly event: "message"; readonly data: LocalMessage }
  /** Messages with these ids are done with, and all that was said to them is there. */
  | { readonly event: "over"; readonly data: { readonly messages: readonly string[]; readonly outcome: string } }
  | { readonly event: "retry"; readonly data: { readonly reason: string; readonly retryMs: number } };

type Settled = Extract<QueueEvent, { kind: "settled" }>;

/** Brings together what goes to a chat and what becomes of the messages from it. */
export class ChatFeed {
  readonly #watchers = new Map<string, Set<(event: ChatEvent) => void>>();
  /** Ends of messages whose answers are still on their way, by chat. */
  readonly #over = new Map<string, Settled[]>();
  readonly #isSending: (chatJid: string) => boolean;

  constructor(chats: LocalChats, isSending: (chatJid: string) => boolean) {
    this.#isSending = isSending;
    chats.listen((added) => this.#tell(added.message.chatJid, { event: "message", data: added }));
  }

  watch(chatJid: string, watcher: (event: ChatEvent) => void): () => void {
    const watchers = this.#watchers.get(chatJid) ?? new Set();
    this.#watchers.set(chatJid, watchers.add(watcher));
    return () => {
      watchers.delete(watcher);
      if (!watchers.size) this.#watchers.delete(chatJid);
    };
  }

  take(event: QueueEvent): void {
    if (event.kind === "settled" && event.chatJid !== null) {
      if (event.retryMs !== null) {
        const data = { reason: event.reason ?? event.outcome, retryMs: event.retryMs };
        this.#tell(event.chatJid, { event: "retry", data });
      }
      if (event.messages.length) this.#over.set(event.chatJid, [...(this.#over.get(event.chatJid) ?? []), event]);
    }
    const chat = event.kind === "settled" ? event.chatJid : event.kind === "sent" ? event.message.chatJid : null;
    if (chat === null || this.#isSending(chat)) return;
    const over = this.#over.get(chat) ?? [];
    this.#over.delete(chat);
    for (const { messages, outcome } of over) this.#tell(chat, { event: "over", data: { messages, outcome } });
  }

  #tell(chatJid: string, event: ChatEvent): void {
    for (const watcher of this.#watchers.get(chatJid) ?? []) watcher(event);
  }
}
