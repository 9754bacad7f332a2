import { z } from "zod";
import { incomingMessageSchema, outgoingMessageSchema, type IncomingMessage, type OutgoingMessage } from "../../model/message.ts";
import { taskJobSchema, type JobEnd, type TaskJob } from "../../model/task.ts";

/** What waits for a group's agent: a chat's message, or one time that a task is due. */
export type Item =
  | { readonly seq: number; readonly group: string; readonly kind: "message"; readonly message: IncomingMessage }
  | { readonly seq: number; readonly group: string; readonly kind: "job"; readonly job: TaskJob };

/** An item that was not answered, or a message that did not reach its chat; and will not be. */
export interface Failure {
  readonly group: string;
  readonly chatJid: string | null;
  /** The message's id, or the task's. */
  readonly id: string;
  readonly kind: "message" | "job" | "outgoing";
  readonly outcome: "failed" | "cancelled" | "unsent";
  readonly reason: string;
  readonly run: string | null;
  /** ISO 8601 in UTC. */
  readonly at: string;
}

/** A try to have items answered by one run. */
export interface Attempt {
  readonly id: number;
  readonly group: string;
  /** Items that the agent has and that nothing was said to yet. */
  readonly open: readonly number[];
  /** Items that something was said to. */
  readonly answered: readonly number[];
  /** The agent said that nothing more comes. */
  readonly final: boolean;
  /** The last answer's run and text. */
  readonly run: string | null;
  readonly result: string | null;
}

/** What becomes of an item when its attempt is over. `again` counts the try, `cut` the death of its host, `back` neither. */
export type ItemEnd = "done" | "failed" | "cancelled" | "again" | "cut" | "back";

/** What the journal holds. State is what these records, in their order, make of nothing. */
export type QueueRecord =
  | { readonly type: "item"; readonly item: Item; readonly tries?: number; readonly cuts?: number }
  | { readonly type: "begun"; readonly attempt: number; readonly group: string; readonly items: readonly number[] }
  | { readonly type: "taken"; readonly attempt: number; readonly item: number }
  | {
      readonly type: "answered";
      readonly attempt: number;
      readonly run: string;
      readonly result: string | null;
      readonly final: boolean;
      /** Null when the answer is empty: it settles, and nothing is sent. */
      readonly outgoing: OutgoingMessage | null;
    }
  | { readonly type: "posted"; readonly outgoing: OutgoingMessage }
  | {
      readonly type: "settled";
      readonly attempt: number;
      readonly ends: readonly (readonly [seq: number, end: ItemEnd])[];
      /** Milliseconds since 1970 before which the group is not tried again; 0 for at once. */
      readonly retryAt: number;
      readonly outgoing: readonly OutgoingMessage[];
      readonly failures: readonly Failure[];
      /** The end of the job that the attempt was made for, when it is over. */
      readonly job: JobEnd | null;
    }
  | { readonly type: "sent"; readonly id: string }
  /** Messages to a chat that are not tried any more. */
  | { readonly type: "unsent"; readonly ids: readonly string[]; readonly reason: string; readonly at: string }
  | { readonly type: "told"; readonly job: string }
  // What a compaction makes of the records before it.
  | { readonly type: "counters"; readonly seq: number; readonly attempt: number }
  | { readonly type: "attempt"; readonly attempt: Attempt }
  | { readonly type: "retry"; readonly group: string; readonly at: number }
  | { readonly type: "finished"; readonly keys: readonly string[] }
  | { readonly type: "outgoing-known"; readonly ids: readonly string[] }
  | { readonly type: "ended"; readonly job: TaskJob; readonly end: JobEnd }
  | { readonly type: "failures"; readonly failures: readonly Failure[] };

const count = z.number().int().nonnegative();

const itemSchema: z.ZodType<Item> = z.discriminatedUnion("kind", [
  z.object({ seq: count, group: z.string(), kind: z.literal("message"), message: incomingMessageSchema }),
  z.object({ seq: count, group: z.string(), kind: z.literal("job"), job: taskJobSchema }),
]);

const failureSchema: z.ZodType<Failure> = z.object({
  group: z.string(),
  chatJid: z.string().nullable(),
  id: z.string(),
  kind: z.enum(["message", "job", "outgoing"]),
  outcome: z.enum(["failed", "cancelled", "unsent"]),
  reason: z.string(),
  run: z.string().nullable(),
  at: z.string(),
});

const jobEndSchema: z.ZodType<JobEnd> = z.object({
  run: z.string().nullable(),
  plannedAt: z.string(),
  endedAt: z.string(),
  outcome: z.enum(["success", "skipped", "failed"]),
  result: z.string().nullable(),
  error: z.string().nullable(),
  newSessionId: z.string().nullable(),
});

const attemptSchema: z.ZodType<Attempt> = z.object({
  id: count,
  group: z.string(),
  open: z.array(count),
  answered: z.array(count),
  final: z.boolean(),
  run: z.string().nullable(),
  result: z.string().nullable(),
});

export const queueRecordSchema: z.ZodType<QueueRecord> = z.discriminatedUnion("type", [
  z.object({ type: z.literal("item"), item: itemSchema, tries: count.exactOptional(), cuts: count.exactOptional() }),
  z.object({ type: z.literal("begun"), attempt: count, group: z.string(), items: z.array(count) }),
  z.object({ type: z.literal("taken"), attempt: count, item: count }),
  z.object({
    type: z.literal("answered"),
    attempt: count,
    run: z.string(),
    result: z.string().nullable(),
    final: z.boolean(),
    outgoing: outgoingMessageSchema.nullable(),
  }),
  z.object({ type: z.literal("posted"), outgoing: outgoingMessageSchema }),
  z.object({
    type: z.literal("settled"),
    attempt: count,
    ends: z.array(z.tuple([count, z.enum(["done", "failed", "cancelled", "again", "cut", "back"])])),
    retryAt: z.number(),
    outgoing: z.array(outgoingMessageSchema),
    failures: z.array(failureSchema),
    job: jobEndSchema.nullable(),
  }),
  z.object({ type: z.literal("sent"), id: z.string() }),
  z.object({ type: z.literal("unsent"), ids: z.array(z.string()), reason: z.string(), at: z.string() }),
  z.object({ type: z.literal("told"), job: z.string() }),
  z.object({ type: z.literal("counters"), seq: count, attempt: count }),
  z.object({ type: z.literal("attempt"), attempt: attemptSchema }),
  z.object({ type: z.literal("retry"), group: z.string(), at: z.number() }),
  z.object({ type: z.literal("finished"), keys: z.array(z.string()) }),
  z.object({ type: z.literal("outgoing-known"), ids: z.array(z.string()) }),
  z.object({ type: z.literal("ended"), job: taskJobSchema, end: jobEndSchema }),
  z.object({ type: z.literal("failures"), failures: z.array(failureSchema) }),
]);

/** What makes an item the same as another: a message's chat and id, or a job's id. */
export function itemKey(item: { readonly message: IncomingMessage } | { readonly job: TaskJob }): string {
  return "message" in item ? `m ${item.message.chatJid} ${item.message.id}` : `j ${item.job.id}`;
}
