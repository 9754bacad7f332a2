import * as z from "zod";
import { containerModes, type ContainerMode } from "./group.ts";

/** How a run ended. Every run settles exactly once, as one of these. */
export const outcomes = [
  "success",
  "agent error",
  "timeout",
  "out of memory",
  "engine lost",
  "cancelled",
  "protocol error",
] as const;
export type Outcome = (typeof outcomes)[number];

/** What the model's API counted for a run, and what that costs. */
export interface Usage {
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** US dollars; null when a model's price is not known. */
  readonly costUSD: number | null;
  readonly models: readonly string[];
}

/** A way out that an `egress` network refused; `count` is how often it was tried. */
export interface Denial {
  /** Name or address, and port, as the agent asked for it. */
  readonly target: string;
  readonly reason: string;
  readonly count: number;
}

/** What is kept of a run after it settled. Times are ISO 8601 in UTC, durations milliseconds; secrets are blotted out. */
export interface RunRecord {
  readonly id: string;
  readonly group: string;
  readonly jid: string;
  readonly engine: string;
  readonly image: string;
  /** `claude`, `demo`, or `command`: sessions of one agent mean nothing to another. */
  readonly agent: string;
  readonly container: string;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly outcome: Outcome;
  readonly exitCode: number | null;
  readonly sessionId: string | null;
  readonly newSessionId: string | null;
  /** The last result, cut when it is very long. */
  readonly result: string | null;
  readonly error: string | null;
  readonly promptBytes: number;
  readonly frames: number;
  readonly suspiciousFrames: number;
  readonly brokenFrames: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly stdoutTruncated: boolean;
  readonly stderrTruncated: boolean;
  /** How its container was come by: `cold` also where a warm one was wanted and none was ready. */
  readonly mode: ContainerMode;
  /** The chat messages that it answered; empty for tasks and for runs by hand. */
  readonly messages: readonly string[];
  /** The scheduled task that it was made for. */
  readonly task: string | null;
  /** Its session is a task's own, not the group's. */
  readonly ownSession: boolean;
  /** A guard said that the agent was not needed. */
  readonly skipped: boolean;
  /** Milliseconds from the run's beginning to its first answer. */
  readonly firstAnswerMs: number | null;
  /** Null when the run had no broker. */
  readonly usage: Usage | null;
  readonly denied: readonly Denial[];
  /** Absolute path of the run's log, or null when it could not be written. */
  readonly logFile: string | null;
}

export const runRecordSchema: z.ZodType<RunRecord> = z.object({
  id: z.string(),
  group: z.string(),
  jid: z.string(),
  engine: z.string(),
  image: z.string(),
  agent: z.string(),
  container: z.string(),
  startedAt: z.iso.datetime(),
  durationMs: z.number(),
  outcome: z.enum(outcomes),
  exitCode: z.number().nullable(),
  sessionId: z.string().nullable(),
  newSessionId: z.string().nullable(),
  result: z.string().nullable(),
  error: z.string().nullable(),
  promptBytes: z.number(),
  frames: z.number(),
  suspiciousFrames: z.number(),
  brokenFrames: z.number(),
  stdoutBytes: z.number(),
  stderrBytes: z.number(),
  stdoutTruncated: z.boolean(),
  stderrTruncated: z.boolean(),
  mode: z.enum(containerModes).default("cold"),
  messages: z.array(z.string()).default([]),
  task: z.string().nullable().default(null),
  ownSession: z.boolean().default(false),
  skipped: z.boolean().default(false),
  firstAnswerMs: z.number().nullable().default(null),
  usage: z
    .object({
      requests: z.number(),
      inputTokens: z.number(),
      outputTokens: z.number(),
      cacheReadTokens: z.number(),
      cacheWriteTokens: z.number(),
      costUSD: z.number().nullable(),
      models: z.array(z.string()),
    })
    .nullable()
    .default(null),
  denied: z.array(z.object({ target: z.string(), reason: z.string(), count: z.number() })).default([]),
  logFile: z.string().nullable(),
});
