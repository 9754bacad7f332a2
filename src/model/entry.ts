import * as z from "zod";
import { instanceIDSchema } from "./instance.ts";
import {
  bootIDSchema,
  type ErrorGroup,
  errorGroupSchema,
  type LogLevel,
  logLevels,
  type LogStream,
  logStreams,
  type LostRecord,
  type WorkerEvent,
  workerEventSchema,
} from "./record.ts";
import { outcomes, type Outcome } from "./run.ts";

// What the orchestrator took in, in the one order in which it did. An entry's position is its cursor: who has read up to one asks for what comes after it.

/** Where an entry comes from. What has no worker comes from the agents' side of the house. */
export interface EntryBase {
  /** Grows with each entry, with holes; counts on when the orchestrator is started anew. */
  readonly position: number;
  /** The sender's clock, milliseconds since 1970. */
  readonly atMs: number;
  readonly worker: string | null;
  readonly container: string | null;
  readonly instance: string | null;
  /** A group's folder. */
  readonly group: string | null;
  readonly run: string | null;
}

/** What comes from a worker is numbered by its supervisor. */
export interface Origin {
  readonly bootID: string;
  readonly seq: number;
}

export interface LogEntry extends EntryBase, Origin {
  readonly kind: "log";
  readonly stream: LogStream;
  readonly level: LogLevel | null;
  readonly text: string;
  readonly raw?: string;
  readonly part?: "begins" | "goes on" | "ends";
  readonly unended?: true;
}

export interface ErrorEntry extends EntryBase, Origin {
  readonly kind: "error";
  readonly error: ErrorGroup;
}

export interface LostEntry extends EntryBase, Origin {
  readonly kind: "lost";
  readonly reason: LostRecord["reason"];
  readonly from: number | null;
  readonly to: number | null;
  readonly lines: number;
  readonly bytes: number;
}

export const workerStates = ["connecting", "linked", "lost", "stopped", "gone"] as const;
/** `lost`: its container runs and does not answer; `stopped`: its container does not run; `gone`: there is no container. */
export type WorkerState = (typeof workerStates)[number];

export const moduleStates = ["healthy", "starting", "unhealthy", "stopped", "unknown"] as const;
export type ModuleState = (typeof moduleStates)[number];

/** What happens outside of workers' own telling. */
export type HouseEvent =
  | { readonly type: "worker"; readonly state: WorkerState; readonly why: string }
  /** A door of a linked worker that answers otherwise than before; one that is healthy from the beginning is no event. */
  | { readonly type: "door"; readonly door: "terminal" | "websocket"; readonly healthy: boolean; readonly why: string }
  | { readonly type: "module"; readonly module: string; readonly state: ModuleState; readonly why: string }
  | {
      readonly type: "message";
      readonly what: "arrived" | "sent" | "unsent" | "given up";
      readonly message: string;
      readonly chatJid: string;
      readonly why: string;
    }
  | {
      readonly type: "run";
      readonly what: "begun" | "handed" | "answered" | "settled";
      readonly outcome: Outcome | null;
      readonly why: string;
    }
  | { readonly type: "denied"; readonly target: string; readonly reason: string; readonly count: number }
  | { readonly type: "pool"; readonly what: "made" | "gone"; readonly name: string }
  | { readonly type: "check"; readonly broken: number; readonly unknown: number; readonly why: string }
  | { readonly type: "viewer"; readonly what: "opened" | "ended"; readonly session: string; readonly who: string }
  | { readonly type: "trouble"; readonly why: string };

export interface EventEntry extends EntryBase {
  readonly kind: "event";
  /** Null for the house's own. */
  readonly bootID: string | null;
  readonly seq: number | null;
  readonly event: WorkerEvent | HouseEvent;
}

export type Entry = LogEntry | ErrorEntry | LostEntry | EventEntry;

/** An event of the house before it has its position. */
export type NewEvent = Omit<EventEntry, "position" | "kind" | "bootID" | "seq" | "event"> & { readonly event: HouseEvent };

export const entryKinds = ["log", "error", "lost", "event"] as const;

/** What a reader wants of all entries; what is left out is no condition, of what is given one has to hold. */
export interface EntryFilter {
  readonly kinds?: readonly Entry["kind"][];
  readonly workers?: readonly string[];
  readonly containers?: readonly string[];
  readonly instances?: readonly string[];
  readonly groups?: readonly string[];
  readonly runs?: readonly string[];
  /** Of logs. */
  readonly levels?: readonly LogLevel[];
  readonly streams?: readonly LogStream[];
}

const name = z.string().min(1).max(256);
const names = z.array(name).min(1).max(1000);
export const positionSchema: z.ZodNumber = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const entryFilterSchema: z.ZodType<EntryFilter> = z.strictObject({
  kinds: z.array(z.enum(entryKinds)).min(1).exactOptional(),
  workers: names.exactOptional(),
  containers: names.exactOptional(),
  instances: names.exactOptional(),
  groups: names.exactOptional(),
  runs: names.exactOptional(),
  levels: z.array(z.enum(logLevels)).min(1).exactOptional(),
  streams: z.array(z.enum(logStreams)).min(1).exactOptional(),
});

const base = {
  position: positionSchema,
  atMs: z.number(),
  worker: z.string().nullable(),
  container: z.string().nullable(),
  instance: instanceIDSchema.nullable(),
  group: z.string().nullable(),
  run: z.string().nullable(),
};
const origin = { bootID: bootIDSchema, seq: positionSchema };
const count = z.number().int().min(0);
const why = z.string();

export const houseEventSchema: z.ZodType<HouseEvent> = z.discriminatedUnion("type", [
  z.object({ type: z.literal("worker"), state: z.enum(workerStates), why }),
  z.object({ type: z.literal("door"), door: z.enum(["terminal", "websocket"]), healthy: z.boolean(), why }),
  z.object({ type: z.literal("module"), module: z.string(), state: z.enum(moduleStates), why }),
  z.object({
    type: z.literal("message"),
    what: z.enum(["arrived", "sent", "unsent", "given up"]),
    message: z.string(),
    chatJid: z.string(),
    why,
  }),
  z.object({
    type: z.literal("run"),
    what: z.enum(["begun", "handed", "answered", "settled"]),
    outcome: z.enum(outcomes).nullable(),
    why,
  }),
  z.object({ type: z.literal("denied"), target: z.string(), reason: z.string(), count }),
  z.object({ type: z.literal("pool"), what: z.enum(["made", "gone"]), name: z.string() }),
  z.object({ type: z.literal("check"), broken: count, unknown: count, why }),
  z.object({ type: z.literal("viewer"), what: z.enum(["opened", "ended"]), session: z.string(), who: z.string() }),
  z.object({ type: z.literal("trouble"), why }),
]);

export const logEntrySchema: z.ZodType<LogEntry> = z.object({
  ...base,
  ...origin,
  kind: z.literal("log"),
  stream: z.enum(logStreams),
  level: z.enum(logLevels).nullable(),
  text: z.string(),
  raw: z.string().exactOptional(),
  part: z.enum(["begins", "goes on", "ends"]).exactOptional(),
  unended: z.literal(true).exactOptional(),
});

export const lostEntrySchema: z.ZodType<LostEntry> = z.object({
  ...base,
  ...origin,
  kind: z.literal("lost"),
  reason: z.enum(["bound", "disk", "rate", "damaged"]),
  from: positionSchema.nullable(),
  to: positionSchema.nullable(),
  lines: count,
  bytes: count,
});

export const errorEntrySchema: z.ZodType<ErrorEntry> = z.object({
  ...base,
  ...origin,
  kind: z.literal("error"),
  error: errorGroupSchema,
});

export const eventEntrySchema: z.ZodType<EventEntry> = z.object({
  ...base,
  kind: z.literal("event"),
  bootID: bootIDSchema.nullable(),
  seq: positionSchema.nullable(),
  event: z.union([workerEventSchema, houseEventSchema]),
});

export const entrySchema: z.ZodType<Entry> = z.union([logEntrySchema, errorEntrySchema, lostEntrySchema, eventEntrySchema]);
