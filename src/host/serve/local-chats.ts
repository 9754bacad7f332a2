import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { HeldDirectory } from "../../agents/home/held-directory.ts";
import type { Chats } from "../../agents/queue/chats.ts";
import { Journal } from "../../agents/queue/journal.ts";
import { outgoingMessageSchema, type OutgoingMessage } from "../../model/message.ts";

/** A message of a local chat; `seq` counts within the chat. */
export interface LocalMessage {
  readonly seq: number;
  readonly message: OutgoingMessage;
}

const recordSchema: z.ZodType<LocalMessage> = z.object({ seq: z.number(), message: outgoingMessageSchema });
/** What of a chat is kept. */
const keptMessages = 1000;
const keptChars = 4 * 1024 * 1024;

interface LocalChat {
  readonly journal: Journal<LocalMessage>;
  readonly messages: LocalMessage[];
}

/** Chats that no adapter carries: what goes out to them is kept in the home, where `novabot chat` shows it. */
export class LocalChats implements Chats {
  readonly #directory: string;
  readonly #chats = new Map<string, Promise<LocalChat>>();
  readonly #listeners = new Set<(message: LocalMessage) => void>();

  /** `directory` must be there. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  async send(message: OutgoingMessage): Promise<void> {
    const chat = await this.#open(message.chatJid);
    if (chat.messages.some((known) => known.message.id === message.id)) return;
    const added = { seq: (chat.messages.at(-1)?.seq ?? 0) + 1, message };
    await chat.journal.append(added);
    for (const listener of this.#listeners) listener(added);
  }

  /** The chat's messages after the one numbered `after`; a negative number means the newest so many. */
  async messages(chatJid: string, after: number): Promise<readonly LocalMessage[]> {
    const { messages } = await this.#open(chatJid);
    return after < 0 ? messages.slice(after) : messages.filter(({ seq }) => seq > after);
  }

  /** Calls `listener` with each new message of every chat, until the function that it gives is called. */
  listen(listener: (message: LocalMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    for (const opening of this.#chats.values()) await (await opening.catch(() => undefined))?.journal.close();
  }

  #open(chatJid: string): Promise<LocalChat> {
    const known = this.#chats.get(chatJid);
    if (known) return known;
    const opening = this.#read(chatJid).catch((thrown: unknown) => {
      this.#chats.delete(chatJid);
      throw thrown;
    });
    this.#chats.set(chatJid, opening);
    return opening;
  }

  async #read(chatJid: string): Promise<LocalChat> {
    const name = createHash("sha256").update(chatJid).digest("hex").slice(0, 32);
    const parent = await HeldDirectory.open(this.#directory);
    try {
      await (await parent.ensureDirectory(name, 0o700)).close();
    } finally {
      await parent.close();
    }
    const messages: LocalMessage[] = [];
    let chars = 0;
    const journal = await Journal.open<LocalMessage>({
      directory: join(this.#directory, name),
      parse: (value) => recordSchema.parse(value),
      apply(added) {
        messages.push(added);
        chars += added.message.text.length;
        while (messages.length > keptMessages || (chars > keptChars && messages.length > 1)) {
          chars -= messages.shift()?.message.text.length ?? 0;
        }
      },
      snapshot: () => messages,
    });
    return { journal, messages };
  }
}
