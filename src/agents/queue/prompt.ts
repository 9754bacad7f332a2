import type { IncomingMessage } from "../../model/message.ts";

/** One run answers at most this many waiting messages, and at most this many bytes of them. */
const batchMessages = 50;
const batchBytes = 256 * 1024;

/** Messages as an agent gets them: who wrote what and when, in a form that no text can break out of. */
export function messagesPrompt(messages: readonly IncomingMessage[]): string {
  const lines = messages.map(
    ({ sender, text, timestamp }) =>
      `<message sender="${attribute(sender)}" time="${attribute(timestamp)}">${escapeXML(text)}</message>`,
  );
  return `<messages>\n${lines.join("\n")}\n</messages>`;
}

/** The first of `messages` that one run answers together; at least one. */
export function batchOf<T extends { readonly message: IncomingMessage }>(items: readonly T[]): T[] {
  const batch: T[] = [];
  let bytes = 0;
  for (const item of items) {
    bytes += Buffer.byteLength(item.message.text) + Buffer.byteLength(item.message.sender) + 64;
    if (batch.length && (batch.length >= batchMessages || bytes > batchBytes)) break;
    batch.push(item);
  }
  return batch;
}

function attribute(text: string): string {
  return escapeXML(text).replaceAll('"', "&quot;").replace(/\s+/g, " ");
}

function escapeXML(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
