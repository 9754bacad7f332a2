import { z } from "zod";
import { scheduleSchema } from "../../model/mail.ts";
import type { ScheduledTask } from "../../model/task.ts";

export interface StoredJob {
  readonly id: string;
  readonly plannedAt: string;
  /** The task was paused or cancelled since: if its turn has not come yet, it is skipped. */
  readonly calledOff?: boolean;
}

/** A task as the store has it. */
export interface StoredTask extends ScheduledTask {
  /** Where its interval counts from, ISO 8601 in UTC. */
  readonly anchor: string;
  /** Why it is paused or over, where that is worth a word. */
  readonly reason: string | null;
  /** The job that was given to the queue, or is about to be, and has not ended. */
  readonly job: StoredJob | null;
  /** The latest time that it was given to the queue for. */
  readonly firedAt: string | null;
  /** How often it was given to the queue. */
  readonly fired: number;
  readonly finishedAt: string | null;
}

/** Everything about tasks that outlives the process. Values are never changed in place. */
export interface TaskState {
  readonly tasks: ReadonlyMap<string, StoredTask>;
  /** Of each sender, the ids of the newest operations that were carried out, so that one that comes again changes nothing. */
  readonly applied: ReadonlyMap<string, readonly string[]>;
}

const time = z.iso.datetime();

const storedTaskSchema: z.ZodType<StoredTask> = z.object({
  id: z.string(),
  group: z.string(),
  prompt: z.string(),
  schedule: scheduleSchema,
  session: z.enum(["group", "own"]),
  guard: z.string().nullable(),
  status: z.enum(["active", "paused", "done", "cancelled"]),
  createdBy: z.string(),
  createdAt: time,
  nextAt: time.nullable(),
  sessionId: z.string().nullable(),
  runs: z.number().int(),
  last: z
    .object({
      run: z.string().nullable(),
      plannedAt: time,
      endedAt: time,
      outcome: z.enum(["success", "skipped", "failed"]),
      result: z.string().nullable(),
      error: z.string().nullable(),
    })
    .nullable(),
  anchor: time,
  reason: z.string().nullable(),
  job: z.object({ id: z.string(), plannedAt: time, calledOff: z.boolean().exactOptional() }).nullable(),
  firedAt: time.nullable(),
  fired: z.number().int(),
  finishedAt: time.nullable(),
});

const fileSchema = z.object({ tasks: z.array(storedTaskSchema), applied: z.record(z.string(), z.array(z.string())) });

export const emptyState: TaskState = { tasks: new Map(), applied: new Map() };

export function renderState(state: TaskState): string {
  return `${JSON.stringify({ tasks: [...state.tasks.values()], applied: Object.fromEntries(state.applied) })}\n`;
}

/** Throws what JSON or the schema has to say. */
export function parseState(text: string): TaskState {
  const file = fileSchema.parse(JSON.parse(text));
  return {
    tasks: new Map(file.tasks.map((task) => [task.id, task])),
    applied: new Map(Object.entries(file.applied)),
  };
}

export function withTask(state: TaskState, task: StoredTask): TaskState {
  return { ...state, tasks: new Map(state.tasks).set(task.id, task) };
}
