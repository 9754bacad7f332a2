import { NovaError, quote } from "../../model/errors.ts";
import type { Group } from "../../model/group.ts";
import type { RegisterGroupMail, ScheduleMail, TaskChangeMail, TaskMail, UpdateMail } from "../../model/mail.ts";
import { checkSchedule, nextTime } from "./schedule.ts";
import { withTask, type StoredTask, type TaskState } from "./stored-task.ts";

/** Who asks: the owner of the home, or a group's agent. */
export type Actor = "owner" | { readonly folder: string; readonly isMain: boolean };

/** What is asked of the tasks. */
export type TaskOperation = Exclude<TaskMail, RegisterGroupMail>;

/** What deciding needs beside the state. */
export interface Circumstances {
  readonly now: number;
  /** The time zone of schedules that name none. */
  readonly timezone: string;
  readonly groups: readonly Group[];
  /** The id of a new task. */
  readonly newID: string;
}

/** Tasks of one group that are active or paused, and the characters of their prompts and guards together. */
export const TASK_LIMITS = { tasks: 200, characters: 1_048_576 } as const;
/** Finished tasks of one group that are remembered. */
export const KEPT_FINISHED = 50;

/** The task that `operation` makes or changes, as it shall stand; decides rights and bounds, and touches nothing. */
export function decide(state: TaskState, operation: TaskOperation, actor: Actor, circumstances: Circumstances): StoredTask {
  if (operation.type === "schedule") return schedule(state, operation, actor, circumstances);
  const task = visibleTask(state, operation.task, actor);
  if (operation.type === "update") return update(state, task, operation, circumstances);
  return changeStatus(task, operation.type, actor, circumstances);
}

/** Throws `TASK_NOT_FOUND` also for another group's task: that it exists is none of this group's business. */
export function visibleTask(state: TaskState, id: string, actor: Actor): StoredTask {
  const task = state.tasks.get(id);
  if (task && mayActFor(actor, task.group)) return task;
  const whose = actor === "owner" || actor.isMain ? "" : ` of the group ${actor.folder}`;
  throw new NovaError("TASK_NOT_FOUND", `There is no task ${quote(id)}${whose}.`, {
    place: "task",
    next: actor === "owner" ? "See `novabot tasks list`." : "See current_tasks.json (`novabot tasks`).",
  });
}

function mayActFor(actor: Actor, folder: string): boolean {
  return actor === "owner" || actor.isMain || actor.folder === folder;
}

function schedule(
  state: TaskState,
  mail: ScheduleMail,
  actor: Actor,
  { now, timezone, groups, newID }: Circumstances,
): StoredTask {
  const folder = mail.group ?? (actor === "owner" ? undefined : actor.folder);
  if (folder === undefined) throw new NovaError("TASK_INVALID", "The task names no group.", { place: "group" });
  if (!mayActFor(actor, folder)) {
    throw new NovaError("MAIL_FORBIDDEN", `A task for the group ${quote(folder)} can be scheduled by that group or by main.`, {
      place: "group",
      next: "Leave the group out to schedule a task of your own, or ask main's agent.",
    });
  }
  if (!groups.some((group) => group.folder === folder)) throw noGroup(folder);
  const plan = checkSchedule(mail.schedule, now, timezone);
  const task: StoredTask = {
    id: newID,
    group: folder,
    prompt: mail.prompt,
    schedule: plan,
    session: mail.session ?? "group",
    guard: mail.guard ?? null,
    status: "active",
    createdBy: actor === "owner" ? "owner" : actor.folder,
    createdAt: toISO(now),
    nextAt: firstTime(plan, now),
    sessionId: null,
    runs: 0,
    last: null,
    anchor: toISO(now),
    reason: null,
    job: null,
    firedAt: null,
    fired: 0,
    finishedAt: null,
  };
  checkBounds(state, task);
  return task;
}

function update(state: TaskState, task: StoredTask, mail: UpdateMail, { now, timezone }: Circumstances): StoredTask {
  if (mail.prompt === undefined && mail.schedule === undefined && mail.session === undefined && mail.guard === undefined) {
    throw new NovaError("TASK_INVALID", "The update changes nothing.", {
      place: "update",
      next: "Name at least one of prompt, schedule, session and guard.",
    });
  }
  checkUnfinished(task, "changed");
  const plan = mail.schedule && checkSchedule(mail.schedule, now, timezone);
  const next: StoredTask = {
    ...task,
    prompt: mail.prompt ?? task.prompt,
    session: mail.session ?? task.session,
    guard: mail.guard === undefined ? task.guard : mail.guard,
    ...(plan && { schedule: plan, anchor: toISO(now), nextAt: task.status === "active" ? firstTime(plan, now) : null }),
  };
  checkBounds(state, next);
  return next;
}

function changeStatus(task: StoredTask, type: TaskChangeMail["type"], actor: Actor, { now, groups }: Circumstances): StoredTask {
  const calledOff = task.job && { ...task.job, calledOff: true };
  if (type === "cancel") {
    const reason = by("cancelled", actor);
    return task.status === "cancelled" ? task : finished({ ...task, job: calledOff, reason }, "cancelled", now);
  }
  checkUnfinished(task, `${type}d`);
  if (type === "pause") {
    if (task.status === "paused") return task;
    return { ...task, job: calledOff, status: "paused", nextAt: null, reason: by("paused", actor) };
  }
  if (task.status === "active") return task;
  if (!groups.some((group) => group.folder === task.group)) throw noGroup(task.group);
  const next = nextTime(task.schedule, Date.parse(task.anchor), now);
  // A job that still waits for its turn is wanted again.
  const job = task.job && { id: task.job.id, plannedAt: task.job.plannedAt };
  if (next === null && !job) {
    throw new NovaError("TASK_INVALID", `The time of the task ${task.id} passed while it was paused.`, {
      place: "task",
      next: "Give it a new schedule first.",
    });
  }
  return { ...task, job, status: "active", nextAt: next === null ? null : toISO(next), reason: null };
}

/** `task` over for good. */
export function finished(task: StoredTask, status: "done" | "cancelled", now: number): StoredTask {
  return { ...task, status, nextAt: null, finishedAt: toISO(now) };
}

export function isFinished(task: StoredTask): boolean {
  return task.status === "done" || task.status === "cancelled";
}

/** `state` with `task` in it, and without the oldest of its group's finished tasks beyond the limit. */
export function keepTask(state: TaskState, task: StoredTask): TaskState {
  const next = withTask(state, task);
  if (!isFinished(task)) return next;
  const old = [...next.tasks.values()]
    .filter((other) => other.group === task.group && isFinished(other) && other.job === null)
    .toSorted((a, b) => (a.finishedAt ?? "").localeCompare(b.finishedAt ?? ""))
    .slice(0, -KEPT_FINISHED);
  if (!old.length) return next;
  const tasks = new Map(next.tasks);
  for (const { id } of old) tasks.delete(id);
  return { ...next, tasks };
}

function checkUnfinished(task: StoredTask, verb: string): void {
  if (!isFinished(task)) return;
  throw new NovaError("TASK_INVALID", `The task ${task.id} is ${task.status} and cannot be ${verb}.`, {
    place: "task",
    next: "Schedule a new one.",
  });
}

function checkBounds(state: TaskState, task: StoredTask): void {
  const others = [...state.tasks.values()].filter(
    (other) => other.group === task.group && other.id !== task.id && !isFinished(other),
  );
  if (others.length >= TASK_LIMITS.tasks) {
    throw new NovaError(
      "TASK_INVALID",
      `The group ${task.group} has ${others.length} tasks; the limit is ${TASK_LIMITS.tasks}.`,
      {
        place: "group",
        next: "Cancel tasks that are not needed any more.",
      },
    );
  }
  const characters = [...others, task].reduce((sum, { prompt, guard }) => sum + prompt.length + (guard?.length ?? 0), 0);
  if (characters > TASK_LIMITS.characters) {
    throw new NovaError(
      "TASK_INVALID",
      `The prompts and guards of the group ${task.group} would be ${characters} characters long; the limit is ${TASK_LIMITS.characters}.`,
      { place: "prompt", next: "Put what is long into a file of the group's folder and name the file in the prompt." },
    );
  }
}

function noGroup(folder: string): NovaError {
  return new NovaError("GROUP_NOT_FOUND", `There is no group ${quote(folder)}.`, { place: "group" });
}

/** The first time of a schedule that was just checked: a single time may lie a moment in the past. */
function firstTime(plan: StoredTask["schedule"], now: number): string | null {
  const time = nextTime(plan, now, plan.type === "once" ? -Infinity : now);
  return time === null ? null : toISO(time);
}

function by(verb: string, actor: Actor): string {
  return actor === "owner" ? `${verb} by the owner` : `${verb} by ${actor.folder}`;
}

export function toISO(ms: number): string {
  return new Date(ms).toISOString();
}
