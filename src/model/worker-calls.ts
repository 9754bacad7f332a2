import * as z from "zod";
import { instanceIDSchema, type InstanceSpec, instanceSpecSchema, type InstanceStatus } from "./instance.ts";
import {
  bootIDSchema,
  type ErrorCategory,
  errorCategories,
  type ErrorGroup,
  type ErrorSeverity,
  errorSeverities,
  type LogLevel,
  logLevels,
  type LogStream,
  logStreams,
  type WorkerRecord,
} from "./record.ts";

// What can be asked of a supervisor, over its unix socket and over `/ws` alike: a name, parameters, one answer, and for what follows (`follow`)
// any number of parts before it.

export interface LogQuery {
  /** All when left out. */
  readonly instances?: readonly string[];
  readonly levels?: readonly LogLevel[];
  readonly streams?: readonly LogStream[];
  /** Milliseconds since 1970, both included. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Only lines that hold this text, ignoring case. */
  readonly contains?: string;
  /** Records after this one of the boot `bootID` (the present one when left out), oldest first. */
  readonly afterSeq?: number;
  readonly bootID?: string;
  /** The newest so many, or the first so many when `afterSeq` is given. */
  readonly limit: number;
}

export interface ErrorQuery {
  readonly instances?: readonly string[];
  readonly categories?: readonly ErrorCategory[];
  readonly severities?: readonly ErrorSeverity[];
  readonly fingerprint?: string;
  /** Last seen within these. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly limit: number;
}

/** Where an answer comes from: what is still in the container, or the orchestrator's history with it. */
export type Origin = "container" | "orchestrator";

export interface LogAnswer {
  readonly origin: Origin;
  readonly bootID: string;
  /** `log` and `lost` records, in their order. Records of earlier boots come with their boot. */
  readonly records: readonly (WorkerRecord & { readonly bootID: string })[];
  /** Records before these are gone from where the answer comes from. */
  readonly incomplete: boolean;
  /** The answer was cut to what one message holds: the newest of it, or the first of it when `afterSeq` was given. */
  readonly cut?: true;
}

export interface LogSummary {
  readonly instance: string;
  readonly lines: number;
  readonly bytes: number;
  readonly firstAtMs: number | null;
  readonly lastAtMs: number | null;
}

export interface LogStats {
  readonly instances: readonly (LogSummary & { readonly levels: Readonly<Record<LogLevel | "none", number>> })[];
  readonly bootID: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** Since this boot began. */
  readonly lost: { readonly records: number; readonly bytes: number };
  /** Null where nobody collects. */
  readonly acknowledgedSeq: number | null;
}

export interface ErrorAnswer {
  readonly origin: Origin;
  /** Newest first. */
  readonly groups: readonly ErrorGroup[];
}

export interface ErrorStats {
  readonly groups: number;
  readonly occurrences: number;
  readonly byCategory: Readonly<Partial<Record<ErrorCategory, number>>>;
  readonly bySeverity: Readonly<Partial<Record<ErrorSeverity, number>>>;
  readonly byInstance: Readonly<Record<string, number>>;
}

export interface SupervisorInfo {
  readonly version: string;
  readonly pid: number;
  readonly worker: string;
  readonly container: string;
  readonly bootID: string;
  readonly startedAtMs: number;
  /** Somebody collects its records over `/ws` right now. */
  readonly linked: boolean;
  readonly rssBytes: number;
}

export const waitConditions = ["running", "ready", "stopped"] as const;
export type WaitCondition = (typeof waitConditions)[number];

/** Every call: what it takes and what it answers. `stream` is the type of the parts that come before the answer. */
export interface WorkerCalls {
  "supervisor.info": { params: Record<string, never>; result: SupervisorInfo };
  /** Answers when its process runs (`running`), or when it is ready; a spec of an instance that is stopped or crashed takes the old one's place. */
  "process.start": {
    params: { readonly spec: InstanceSpec; readonly wait?: "running" | "ready"; readonly timeoutMs?: number };
    result: InstanceStatus;
  };
  "process.stop": { params: { readonly id: string; readonly graceMs?: number }; result: InstanceStatus };
  "process.restart": { params: { readonly id: string }; result: InstanceStatus };
  "process.remove": { params: { readonly id: string }; result: Record<string, never> };
  "process.status": { params: { readonly id: string }; result: InstanceStatus };
  "process.list": { params: Record<string, never>; result: { readonly instances: readonly InstanceStatus[] } };
  /** Rejects with `WAIT_TIMEOUT`, or with `INSTANCE_FAILED` when that cannot come any more. */
  "process.wait": {
    params: { readonly id: string; readonly for: WaitCondition; readonly timeoutMs: number };
    result: InstanceStatus;
  };
  "errors.list": { params: ErrorQuery; result: ErrorAnswer };
  "errors.stats": { params: { readonly instances?: readonly string[] }; result: ErrorStats };
  "errors.clear": { params: { readonly instances?: readonly string[] }; result: { readonly cleared: number } };
  "logs.get": { params: LogQuery; result: LogAnswer };
  "logs.list": { params: Record<string, never>; result: { readonly instances: readonly LogSummary[] } };
  "logs.stats": { params: { readonly instances?: readonly string[] }; result: LogStats };
  /** Takes lines out of the container; what nobody has collected yet is kept for who collects, and shown no more. */
  "logs.clear": { params: { readonly instances?: readonly string[] }; result: { readonly cleared: number } };
  /** What comes after `afterSeq` of this boot (from now on when left out), until the asker hangs up. Each part is one batch. */
  "records.follow": {
    params: {
      readonly afterSeq?: number;
      readonly kinds?: readonly WorkerRecord["kind"][];
      readonly instances?: readonly string[];
      readonly levels?: readonly LogLevel[];
      readonly streams?: readonly LogStream[];
    };
    result: Record<string, never>;
  };
}

export type WorkerCallName = keyof WorkerCalls;
export type CallParams<Name extends WorkerCallName> = WorkerCalls[Name]["params"];
export type CallResult<Name extends WorkerCallName> = WorkerCalls[Name]["result"];

const instances = z.array(instanceIDSchema).max(1000);
const time = z.number().int().min(0).max(8_640_000_000_000_000);
const nothing = z.strictObject({});
const one = z.strictObject({ id: instanceIDSchema });
const some = z.strictObject({ instances: instances.exactOptional() });
const timeoutMs = z.number().int().min(0).max(86_400_000);
const levels = z.array(z.enum(logLevels)).min(1);
const streams = z.array(z.enum(logStreams)).min(1);
const seq = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const logQuerySchema: z.ZodType<LogQuery> = z.strictObject({
  instances: instances.exactOptional(),
  levels: levels.exactOptional(),
  streams: streams.exactOptional(),
  sinceMs: time.exactOptional(),
  untilMs: time.exactOptional(),
  contains: z.string().min(1).max(1024).exactOptional(),
  afterSeq: seq.exactOptional(),
  bootID: bootIDSchema.exactOptional(),
  limit: z.number().int().min(1).max(100_000).default(1000),
});

export const errorQuerySchema: z.ZodType<ErrorQuery> = z.strictObject({
  instances: instances.exactOptional(),
  categories: z.array(z.enum(errorCategories)).min(1).exactOptional(),
  severities: z.array(z.enum(errorSeverities)).min(1).exactOptional(),
  fingerprint: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .exactOptional(),
  sinceMs: time.exactOptional(),
  untilMs: time.exactOptional(),
  limit: z.number().int().min(1).max(10_000).default(100),
});

/** The schema of each call's parameters; a call that is not here does not exist. */
export const callParamsSchemas: { readonly [Name in WorkerCallName]: z.ZodType<CallParams<Name>> } = {
  "supervisor.info": nothing,
  "process.start": z.strictObject({
    spec: instanceSpecSchema,
    wait: z.enum(["running", "ready"]).exactOptional(),
    timeoutMs: timeoutMs.exactOptional(),
  }),
  "process.stop": z.strictObject({ id: instanceIDSchema, graceMs: timeoutMs.exactOptional() }),
  "process.restart": one,
  "process.remove": one,
  "process.status": one,
  "process.list": nothing,
  "process.wait": z.strictObject({ id: instanceIDSchema, for: z.enum(waitConditions), timeoutMs }),
  "errors.list": errorQuerySchema,
  "errors.stats": some,
  "errors.clear": some,
  "logs.get": logQuerySchema,
  "logs.list": nothing,
  "logs.stats": some,
  "logs.clear": some,
  "records.follow": z.strictObject({
    afterSeq: seq.exactOptional(),
    kinds: z
      .array(z.enum(["log", "error", "event", "lost"]))
      .min(1)
      .exactOptional(),
    instances: instances.exactOptional(),
    levels: levels.exactOptional(),
    streams: streams.exactOptional(),
  }),
};
