import * as z from "zod";

/**
 * When a task is due. `cron`: five or six fields (seconds first), in `timezone`; `interval`: every so many milliseconds, counted from
 * the task's anchor and not from the last run; `once`: a time, ISO 8601, without an offset in `timezone`.
 */
export type Schedule =
  | { readonly type: "cron"; readonly value: string; readonly timezone?: string }
  | { readonly type: "interval"; readonly value: number }
  | { readonly type: "once"; readonly value: string; readonly timezone?: string };

/** `group`: the task goes on in the group's conversation; `own`: it has a conversation of its own, which its runs share. */
export type TaskSession = "group" | "own";

export type TaskStatus = "active" | "paused" | "done" | "cancelled";

/** How the last run of a task ended. */
export interface TaskResult {
  readonly run: string | null;
  /** ISO 8601 in UTC. */
  readonly plannedAt: string;
  readonly endedAt: string;
  readonly outcome: "success" | "skipped" | "failed";
  readonly result: string | null;
  readonly error: string | null;
}

export interface ScheduledTask {
  readonly id: string;
  /** The folder of the group whose agent does it. */
  readonly group: string;
  readonly prompt: string;
  readonly schedule: Schedule;
  readonly session: TaskSession;
  /** A shell script that runs first, in the group's container: status 0 starts the agent, 1 skips this time, another is an error. */
  readonly guard: string | null;
  readonly status: TaskStatus;
  /** The folder of the group that asked for it, or `owner`. */
  readonly createdBy: string;
  readonly createdAt: string;
  /** When it is due next, ISO 8601 in UTC; null when it never will be. */
  readonly nextAt: string | null;
  /** The conversation of a task with one of its own. */
  readonly sessionId: string | null;
  readonly runs: number;
  readonly last: TaskResult | null;
}

/** One time that a task is due, as the queue carries it out. The same `id` is carried out once. */
export interface TaskJob {
  readonly id: string;
  readonly task: string;
  readonly group: string;
  readonly prompt: string;
  readonly session: TaskSession;
  readonly sessionId: string | null;
  readonly guard: string | null;
  readonly plannedAt: string;
}

/** What became of a job. */
export interface JobEnd extends TaskResult {
  readonly newSessionId: string | null;
}

export const taskJobSchema: z.ZodType<TaskJob> = z.object({
  id: z.string(),
  task: z.string(),
  group: z.string(),
  prompt: z.string(),
  session: z.enum(["group", "own"]),
  sessionId: z.string().nullable(),
  guard: z.string().nullable(),
  plannedAt: z.iso.datetime(),
});
