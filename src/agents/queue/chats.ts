import type { OutgoingMessage } from "../../model/message.ts";

/** Where messages to chats go: WhatsApp's adapter, or the local chat. */
export interface Chats {
  /**
   * Resolves when the chat has the message. Called again with the same id when NovaBot ended before it could note that; the
   * chat then takes it once. Rejects when it cannot be sent now.
   */
  send(message: OutgoingMessage): Promise<void>;
}

/** Takes messages for chats. */
export interface Outbox {
  /** Resolves when the message is kept on disk; it is sent as soon as it can be. One whose id was posted before is not posted again. */
  post(message: OutgoingMessage): Promise<void>;
}
