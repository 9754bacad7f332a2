import * as z from "zod";
import { MAIL_LIMITS } from "./mail-limits.ts";
import { jidPattern } from "./names.ts";
import type { Schedule, ScheduledTask, TaskSession } from "./task.ts";

export { GROUPS_SNAPSHOT, MAIL_LIMITS, TASKS_SNAPSHOT } from "./mail-limits.ts";

// What an agent writes into the mail slots of its group (`/workspace/ipc/messages`, `/workspace/ipc/tasks`), one JSON object a
// file, and what it finds beside them. Who wrote it is the directory, never a field.

/** A file in `messages/`: a message to a chat; the group's own when none is named. Only main may name another. */
export interface MessageMail {
  readonly type: "message";
  readonly chatJid?: string;
  readonly text: string;
}

/** A new task. `group` is the folder of the group whose agent shall do it; only main may name another than its own. */
export interface ScheduleMail {
  readonly type: "schedule";
  readonly prompt: string;
  readonly schedule: Schedule;
  readonly session?: TaskSession;
  readonly guard?: string;
  readonly group?: string;
}

/** Changes what is named and leaves the rest; a `guard` of null takes the guard away. */
export interface UpdateMail {
  readonly type: "update";
  readonly task: string;
  readonly prompt?: string;
  readonly schedule?: Schedule;
  readonly session?: TaskSession;
  readonly guard?: string | null;
}

export interface TaskChangeMail {
  readonly type: "pause" | "resume" | "cancel";
  readonly task: string;
}

/** Registers a chat as a group; main alone may. Everything else about a group is the owner's to set. */
export interface RegisterGroupMail {
  readonly type: "register_group";
  readonly jid: string;
  readonly name: string;
  readonly folder: string;
}

/** A file in `tasks/`. */
export type TaskMail = ScheduleMail | UpdateMail | TaskChangeMail | RegisterGroupMail;

const jid = z.string().regex(jidPattern, "must be a chat id like 1234567890@g.us or local:alice");
const folder = z.string().min(1).max(64);
const taskID = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, "must be a task's id, as current_tasks.json has it");
const text = (limit: number): z.ZodString => z.string().max(limit).regex(/\S/, "must not be empty");
const timezone = z.string().min(1).max(64);

export const scheduleSchema: z.ZodType<Schedule> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("cron"), value: z.string().min(1).max(256), timezone: timezone.exactOptional() }),
  z.strictObject({ type: z.literal("interval"), value: z.number().int().positive() }),
  z.strictObject({ type: z.literal("once"), value: z.string().min(1).max(64), timezone: timezone.exactOptional() }),
]);

const session = z.enum(["group", "own"]);
const prompt = text(MAIL_LIMITS.prompt);
const guard = text(MAIL_LIMITS.guard);

export const messageMailSchema: z.ZodType<MessageMail> = z.strictObject({
  type: z.literal("message"),
  chatJid: jid.exactOptional(),
  text: text(MAIL_LIMITS.text),
});

const scheduleMailSchema = z.strictObject({
  type: z.literal("schedule"),
  prompt,
  schedule: scheduleSchema,
  session: session.exactOptional(),
  guard: guard.exactOptional(),
  group: folder.exactOptional(),
});
const updateMailSchema = z.strictObject({
  type: z.literal("update"),
  task: taskID,
  prompt: prompt.exactOptional(),
  schedule: scheduleSchema.exactOptional(),
  session: session.exactOptional(),
  guard: guard.nullable().exactOptional(),
});
const taskChangeSchema = z.strictObject({ type: z.enum(["pause", "resume", "cancel"]), task: taskID });
const registerGroupSchema = z.strictObject({
  type: z.literal("register_group"),
  jid,
  name: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[^\p{Cc}]*$/u, "must not hold control characters"),
  folder,
});

export const taskMailSchema: z.ZodType<TaskMail> = z.discriminatedUnion("type", [
  scheduleMailSchema,
  updateMailSchema,
  taskChangeSchema,
  registerGroupSchema,
]);

/** Lies beside a bad file in `errors/` as `<name>.reason.json`. */
export interface MailReason {
  readonly code: string;
  readonly message: string;
  readonly next: string;
}

/** A task as a group's agent sees it; `reason` says why it is paused or over. In the snapshot, long texts are cut. */
export type VisibleTask = Omit<ScheduledTask, "sessionId"> & { readonly reason: string | null };

/** `current_tasks.json`: the group's own tasks, or every group's for main; `timezone` is the one of schedules that name none. */
export interface TasksSnapshot {
  readonly timezone: string;
  readonly tasks: readonly VisibleTask[];
}

/** `available_groups.json`, for main alone. */
export interface GroupsSnapshot {
  readonly groups: readonly { readonly jid: string; readonly name: string; readonly folder: string; readonly isMain: boolean }[];
}
