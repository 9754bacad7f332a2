import * as z from "zod";
import { instanceIDSchema, type InstanceStatus, instanceStatusSchema } from "./instance.ts";

// What a worker tells of itself. Records of one boot of one supervisor are numbered without gaps; what had to go is a record, too.

export const logStreams = ["stdout", "stderr"] as const;
export type LogStream = (typeof logStreams)[number];

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Bytes of one line that are kept in one record; what a longer line has beyond them follows in further records. */
export const LINE_LIMIT = 65_536;

interface RecordBase {
  /** From 1 in each boot. */
  readonly seq: number;
  /** The supervisor's clock, milliseconds since 1970; never earlier than the record before it. */
  readonly atMs: number;
  /** Null: of the supervisor itself. */
  readonly instance: string | null;
}

export interface LogRecord extends RecordBase {
  readonly kind: "log";
  readonly stream: LogStream;
  /** Null: the line does not say. */
  readonly level: LogLevel | null;
  /** The line without its newline, its escape sequences and what is not UTF-8; indentation is kept. */
  readonly text: string;
  /** The line's own bytes in base64, where `text` alone would not give them back. */
  readonly raw?: string;
  /** `begins`: the line was too long and goes on in the next record; `goes on`; `ends`: its last part. */
  readonly part?: "begins" | "goes on" | "ends";
  /** The stream ended without a newline after this line. */
  readonly unended?: true;
}

export const errorCategories = [
  "runtime",
  "type",
  "syntax",
  "import",
  "build",
  "network",
  "database",
  "memory",
  "permission",
  "assertion",
  "panic",
  "other",
] as const;
export type ErrorCategory = (typeof errorCategories)[number];
export const errorSeverities = ["warning", "error", "fatal"] as const;
export type ErrorSeverity = (typeof errorSeverities)[number];

/** Errors that are the same but for numbers, paths, ports, ids and times. */
export interface ErrorGroup {
  /** 16 hexadecimal digits; the same across boots and workers. */
  readonly fingerprint: string;
  readonly instance: string;
  readonly category: ErrorCategory;
  readonly severity: ErrorSeverity;
  /** What wrote it: node, bun, typescript, vite, python, go, rust, java, or plain. */
  readonly source: string;
  /** `TypeError`, `ValueError`, `panic`; empty where there is none. */
  readonly name: string;
  readonly message: string;
  readonly count: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** The first line's record of the first and the last time, in this boot. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Of the last time: the error's own lines, and those before it. */
  readonly lines: readonly string[];
  readonly before: readonly string[];
}

/** An error was seen for the first time, or again; of many in a short time one record tells, with the count as it is then. */
export interface ErrorRecord extends RecordBase {
  readonly kind: "error";
  readonly group: ErrorGroup;
}

export type WorkerEvent =
  | { readonly type: "instance"; readonly status: InstanceStatus }
  | { readonly type: "removed" }
  /** `previous`: the boot before it, how it ended, and its last record that is still there. */
  | {
      readonly type: "booted";
      readonly version: string;
      readonly previous: { readonly bootID: string; readonly clean: boolean; readonly lastSeq: number } | null;
    }
  | { readonly type: "stopping"; readonly why: string }
  | { readonly type: "terminal"; readonly session: string; readonly what: "opened" | "ended"; readonly exitCode: number | null };

export interface EventRecord extends RecordBase {
  readonly kind: "event";
  readonly event: WorkerEvent;
}

/** Something is missing, and how much of it. */
export interface LostRecord extends RecordBase {
  readonly kind: "lost";
  /** `bound`: no room was left; `disk`: the disk did not take it; `rate`: left out by the instance's own limit; `damaged`: a file could not be read. */
  readonly reason: "bound" | "disk" | "rate" | "damaged";
  /** Records that were numbered and are gone, both included; null where the lines never had numbers (`rate`). */
  readonly from: number | null;
  readonly to: number | null;
  readonly lines: number;
  readonly bytes: number;
}

export type WorkerRecord = LogRecord | ErrorRecord | EventRecord | LostRecord;

/** Records of one boot in their order; what lies between two of them is gone and told of by a `lost` record. */
export interface RecordBatch {
  readonly bootID: string;
  readonly records: readonly WorkerRecord[];
}

const seq = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const count = z.number().int().min(0);
/** What `Date` can tell as a text. */
const time = z.number().min(0).max(8_640_000_000_000_000);
const base = { seq, atMs: time, instance: instanceIDSchema.nullable() };
/** Base64 of a whole line is a third longer than it. */
const rawLimit = Math.ceil(LINE_LIMIT / 3) * 4;

export const bootIDSchema: z.ZodString = z.string().regex(/^[0-9a-f]{32}$/, "must be 32 hexadecimal digits");

export const logRecordSchema: z.ZodType<LogRecord> = z.strictObject({
  ...base,
  kind: z.literal("log"),
  stream: z.enum(logStreams),
  level: z.enum(logLevels).nullable(),
  text: z.string().max(LINE_LIMIT),
  raw: z.base64().max(rawLimit).exactOptional(),
  part: z.enum(["begins", "goes on", "ends"]).exactOptional(),
  unended: z.literal(true).exactOptional(),
});

export const errorGroupSchema: z.ZodType<ErrorGroup> = z.strictObject({
  fingerprint: z.string().regex(/^[0-9a-f]{16}$/),
  instance: instanceIDSchema,
  category: z.enum(errorCategories),
  severity: z.enum(errorSeverities),
  source: z.string().regex(/^[a-z][a-z0-9.-]{0,31}$/),
  name: z.string().max(256),
  message: z.string().max(8192),
  count,
  firstSeenMs: time,
  lastSeenMs: time,
  firstSeq: seq,
  lastSeq: seq,
  lines: z.array(z.string().max(8192)).max(200),
  before: z.array(z.string().max(8192)).max(50),
});

export const workerEventSchema: z.ZodType<WorkerEvent> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("instance"), status: instanceStatusSchema }),
  z.strictObject({ type: z.literal("removed") }),
  z.strictObject({
    type: z.literal("booted"),
    version: z.string().max(64),
    previous: z.strictObject({ bootID: bootIDSchema, clean: z.boolean(), lastSeq: seq }).nullable(),
  }),
  z.strictObject({ type: z.literal("stopping"), why: z.string().max(4096) }),
  z.strictObject({
    type: z.literal("terminal"),
    session: z.string().max(64),
    what: z.enum(["opened", "ended"]),
    exitCode: z.number().int().nullable(),
  }),
]);

export const workerRecordSchema: z.ZodType<WorkerRecord> = z.union([
  logRecordSchema,
  z.strictObject({ ...base, kind: z.literal("error"), group: errorGroupSchema }),
  z.strictObject({ ...base, kind: z.literal("event"), event: workerEventSchema }),
  z.strictObject({
    ...base,
    kind: z.literal("lost"),
    reason: z.enum(["bound", "disk", "rate", "damaged"]),
    from: seq.nullable(),
    to: seq.nullable(),
    lines: count,
    bytes: count,
  }),
]);
