import type { IncomingMessage, OutgoingMessage } from "../../model/message.ts";
import type { Failure } from "./records.ts";

/** What happens in the queue, for those who watch. `group` is a folder. */
export type QueueEvent =
  | { readonly kind: "arrived"; readonly group: string; readonly message: IncomingMessage }
  | { readonly kind: "begun"; readonly group: string; readonly messages: number; readonly task: string | null }
  | { readonly kind: "handed"; readonly group: string; readonly run: string; readonly message: string }
  | { readonly kind: "answered"; readonly group: string; readonly run: string | null; readonly afterMs: number }
  | {
      readonly kind: "settled";
      readonly group: string;
      readonly run: string | null;
      readonly outcome: "success" | "failed" | "cancelled" | "interrupted";
      readonly durationMs: number;
      readonly reason: string | null;
      /** Ids of the messages that are over with it, and their chat. */
      readonly messages: readonly string[];
      readonly chatJid: string | null;
      readonly failures: readonly Failure[];
      /** Milliseconds until what is left is tried again; null when nothing is. */
      readonly retryMs: number | null;
    }
  | { readonly kind: "sent"; readonly message: OutgoingMessage }
  | { readonly kind: "unsent"; readonly message: OutgoingMessage; readonly reason: string; readonly retryMs: number }
  /** Messages to a chat that are not tried any more. */
  | { readonly kind: "given up"; readonly chatJid: string; readonly messages: readonly string[]; readonly reason: string }
  /** The disk is in the way; nothing is lost as long as this process lives. */
  | { readonly kind: "trouble"; readonly reason: string };
