import * as z from "zod";
import { type Entry, type EntryFilter, entryFilterSchema, entrySchema, positionSchema } from "./entry.ts";
import type { CallFailure } from "./link.ts";

// The messages of `/ws/monitoring`, one JSON object in each text message.

export const MONITORING_PROTOCOL = 1 as const;
/** Of a message of the client's, in bytes. */
export const MONITORING_MESSAGE_LIMIT = 1_048_576;

export type MonitoringRequest =
  /** Entries that the filter takes: those after the position `after`, then what comes; from now on when it is left out. `id` is the client's own. */
  | { readonly type: "subscribe"; readonly id: number; readonly filter: EntryFilter; readonly after?: number }
  | { readonly type: "unsubscribe"; readonly id: number }
  /** A call of the REST door by its name: the same parameters, rights, answers and audit. */
  | { readonly type: "call"; readonly id: number; readonly name: string; readonly params: unknown };

export type MonitoringMessage =
  | {
      readonly type: "hello";
      readonly protocol: number;
      readonly version: string;
      readonly position: number;
      readonly role: string;
    }
  /** In their order. Nothing that the filter takes lies between `position` and what the next message brings, unless a gap says so. */
  | { readonly type: "entries"; readonly id: number; readonly entries: readonly Entry[]; readonly position: number }
  /** What was there when the subscription began has been sent; from here on entries come as they are taken in. */
  | { readonly type: "live"; readonly id: number; readonly position: number }
  /** The reader was too slow, or what it asked for is no longer kept: entries after `after` and up to `upTo` were left out, so many where that is known. */
  | {
      readonly type: "gap";
      readonly id: number;
      readonly reason: "slow reader" | "no longer kept";
      readonly after: number;
      readonly upTo: number;
      readonly entries: number | null;
    }
  | { readonly type: "result"; readonly id: number; readonly result: unknown }
  | { readonly type: "failure"; readonly id: number; readonly error: CallFailure }
  | { readonly type: "bye"; readonly reason: "stopping" | "protocol" | "access"; readonly message: string };

const id = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const monitoringRequestSchema: z.ZodType<MonitoringRequest> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("subscribe"), id, filter: entryFilterSchema, after: positionSchema.exactOptional() }),
  z.strictObject({ type: z.literal("unsubscribe"), id }),
  z.strictObject({ type: z.literal("call"), id, name: z.string().max(64), params: z.unknown() }),
]);

const failure = z.object({ code: z.string(), message: z.string(), next: z.string() });

export const monitoringMessageSchema: z.ZodType<MonitoringMessage> = z.discriminatedUnion("type", [
  z.object({ type: z.literal("hello"), protocol: z.number(), version: z.string(), position: positionSchema, role: z.string() }),
  z.object({ type: z.literal("entries"), id, entries: z.array(entrySchema), position: positionSchema }),
  z.object({ type: z.literal("live"), id, position: positionSchema }),
  z.object({
    type: z.literal("gap"),
    id,
    reason: z.enum(["slow reader", "no longer kept"]),
    after: positionSchema,
    upTo: positionSchema,
    entries: z.number().nullable(),
  }),
  z.object({ type: z.literal("result"), id, result: z.unknown() }),
  z.object({ type: z.literal("failure"), id, error: failure }),
  z.object({ type: z.literal("bye"), reason: z.enum(["stopping", "protocol", "access"]), message: z.string() }),
]);
