import * as z from "zod";
import { type InstanceStatus, instanceStatusSchema } from "./instance.ts";
import { bootIDSchema, type RecordBatch, workerRecordSchema } from "./record.ts";

// The messages of `/ws`, one JSON object in each text message. The worker's supervisor answers; who dials in is the peer: a collector, which takes the records
// into its keeping and acknowledges them (a second one takes the first one's place), or an observer, which only asks and follows.
// The unix socket in the container has `call`, `more` and `result` alone, one message a line.

export const LINK_PROTOCOL = 1 as const;
/** Of a message in either direction; a longer one ends the session. */
export const MESSAGE_LIMIT = 4_194_304;
/** Of one message. */
export const MOST_RECORDS = 10_000;
/** A worker looks for so long at most whether one of its own doors opens: a shell that starts on a busy machine is slow, and not ill. */
export const HEALTH_LOOK_MS = 12_000;
/** Who asks a worker for its health waits for so long, connection and all: the worker's own reason comes before that. */
export const HEALTH_ASK_MS = 18_000;

/** Records of a boot that are there to be sent. */
export interface Backlog {
  readonly bootID: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** The first message of a session. */
export interface Hello {
  readonly type: "hello";
  readonly protocol: number;
  readonly version: string;
  readonly worker: string;
  readonly container: string;
  /** Another one: the supervisor was started anew, and counts from 1 again. */
  readonly bootID: string;
  readonly bootedAtMs: number;
  readonly lastSeq: number;
  /** Boots with records that nobody acknowledged, oldest first; the present one is the last. */
  readonly backlog: readonly Backlog[];
  readonly instances: readonly InstanceStatus[];
}

export type WorkerMessage =
  | Hello
  | ({ readonly type: "records" } & RecordBatch)
  | { readonly type: "more"; readonly id: number; readonly part: unknown }
  | { readonly type: "result"; readonly id: number; readonly result: unknown }
  | { readonly type: "failure"; readonly id: number; readonly error: CallFailure }
  /** A call to the peer: the history of a collector (`logs.get`, `errors.list`). */
  | { readonly type: "call"; readonly id: number; readonly name: string; readonly params: unknown }
  /** The session ends, and why; closing codes are rewritten on the way. */
  | { readonly type: "bye"; readonly reason: "replaced" | "stopping" | "protocol" | "too slow"; readonly message: string };

export type PeerMessage =
  /** The peer's first message. `have`: the last record of each boot that it keeps already; `credit`: how many records it takes before it gives more. */
  | {
      readonly type: "welcome";
      readonly protocol: number;
      readonly role: "collector" | "observer";
      readonly have: readonly { readonly bootID: string; readonly seq: number }[];
      readonly credit: number;
    }
  /** So many records more. */
  | { readonly type: "credit"; readonly records: number }
  /** Everything up to `seq` of this boot is in the peer's keeping. */
  | { readonly type: "ack"; readonly bootID: string; readonly seq: number }
  | { readonly type: "call"; readonly id: number; readonly name: string; readonly params: unknown }
  /** Ends a call that follows. */
  | { readonly type: "cancel"; readonly id: number }
  | { readonly type: "result"; readonly id: number; readonly result: unknown }
  | { readonly type: "failure"; readonly id: number; readonly error: CallFailure };

export interface CallFailure {
  readonly code: string;
  readonly message: string;
  readonly next: string;
}

const seq = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const id = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const name = z.string().min(1).max(64);
const protocol = z.number().int().min(1).max(1000);
const label = z.string().min(1).max(256);
const callFailure: z.ZodType<CallFailure> = z.strictObject({
  code: z.string().max(64),
  message: z.string().max(65_536),
  next: z.string().max(65_536),
});
const call = z.strictObject({ type: z.literal("call"), id, name, params: z.unknown() });
const result = z.strictObject({ type: z.literal("result"), id, result: z.unknown() });
const failure = z.strictObject({ type: z.literal("failure"), id, error: callFailure });

export const peerMessageSchema: z.ZodType<PeerMessage> = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("welcome"),
    protocol,
    role: z.enum(["collector", "observer"]),
    have: z.array(z.strictObject({ bootID: bootIDSchema, seq })).max(1000),
    credit: z.number().int().min(0).max(1_000_000),
  }),
  z.strictObject({ type: z.literal("credit"), records: z.number().int().min(1).max(1_000_000) }),
  z.strictObject({ type: z.literal("ack"), bootID: bootIDSchema, seq }),
  call,
  z.strictObject({ type: z.literal("cancel"), id }),
  result,
  failure,
]);

export const workerMessageSchema: z.ZodType<WorkerMessage> = z.union([
  z.strictObject({
    type: z.literal("records"),
    bootID: bootIDSchema,
    records: z.array(workerRecordSchema).min(1).max(MOST_RECORDS),
  }),
  z.strictObject({
    type: z.literal("hello"),
    protocol,
    version: z.string().max(64),
    worker: label,
    container: label,
    bootID: bootIDSchema,
    bootedAtMs: z.number(),
    lastSeq: seq,
    backlog: z.array(z.strictObject({ bootID: bootIDSchema, firstSeq: seq, lastSeq: seq })).max(1000),
    instances: z.array(instanceStatusSchema).max(10_000),
  }),
  z.strictObject({ type: z.literal("more"), id, part: z.unknown() }),
  call,
  result,
  // 0 is no call's number: the unix socket refuses the connection itself.
  failure.extend({ id: seq }),
  z.strictObject({
    type: z.literal("bye"),
    reason: z.enum(["replaced", "stopping", "protocol", "too slow"]),
    message: z.string().max(4096),
  }),
]);
