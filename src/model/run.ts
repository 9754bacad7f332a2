import { z } from "zod";

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
  logFile: z.string().nullable(),
});
