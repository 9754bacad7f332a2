import * as z from "zod";
import { jidPattern } from "./names.ts";

/** A chat's message on its way in. The same `id` from the same chat is the same message, however often it is delivered. */
export interface IncomingMessage {
  readonly chatJid: string;
  /** Who wrote it, as the chat shows them; anything may stand here, it decides nothing. */
  readonly sender: string;
  readonly text: string;
  readonly id: string;
  /** ISO 8601 with an offset or Z. */
  readonly timestamp: string;
}

/** The longest text of one message, in characters. */
export const MESSAGE_LIMIT = 262_144;

const empty = "it is empty";

export const incomingMessageSchema: z.ZodType<IncomingMessage> = z.strictObject({
  chatJid: z.string().regex(jidPattern, "must be a chat id like 1234567890@g.us or local:alice"),
  sender: z.string().min(1, empty).max(256, "it has more than 256 characters"),
  text: z.string().min(1, empty).max(MESSAGE_LIMIT, `it has more than ${MESSAGE_LIMIT} characters`),
  id: z.string().min(1, empty).max(256, "it has more than 256 characters"),
  timestamp: z.iso.datetime({ offset: true, error: "it must be ISO 8601 with an offset or Z, like 2026-11-21T10:00:00Z" }),
});

/** Why a message goes out: an agent's answer, its mail, or a word of NovaBot's own about a run that failed. */
export type OutgoingKind = "answer" | "mail" | "notice";

/** A message on its way to a chat. Whoever sends it sends each `id` once, also after a crash in between. */
export interface OutgoingMessage {
  readonly id: string;
  readonly chatJid: string;
  readonly text: string;
  readonly kind: OutgoingKind;
  /** The folder of the group that speaks; for main's mail to another chat it is `main`. */
  readonly group: string;
  /** The run that it comes from; null for mail that came when none was going on. */
  readonly run: string | null;
  /** ISO 8601 in UTC. */
  readonly createdAt: string;
}

export const outgoingMessageSchema: z.ZodType<OutgoingMessage> = z.object({
  id: z.string().min(1).max(512),
  chatJid: z.string().regex(jidPattern),
  text: z.string(),
  kind: z.enum(["answer", "mail", "notice"]),
  group: z.string(),
  run: z.string().nullable(),
  createdAt: z.iso.datetime(),
});
