import type { GroupsSnapshot, TasksSnapshot, VisibleTask } from "../../model/mail.ts";
import type { Schedule } from "../../model/task.ts";
import type { Posted } from "./mail-slots.ts";
import { durationText } from "./schedule.ts";

/** What became of mail, as sentences for a model or a person. `done` says what has happened when it was taken. */
export function postedText(posted: Posted, done: string): string {
  if (posted.state === "taken") return done;
  if (posted.state === "queued") return "Queued: it will be done when NovaBot takes the file. Nobody has taken it yet.";
  return `Refused: ${posted.reason.message} ${posted.reason.next}`.trim();
}

function scheduleText(schedule: Schedule, zone: string): string {
  if (schedule.type === "interval") return `every ${durationText(schedule.value)}`;
  const where = schedule.timezone ?? zone;
  return schedule.type === "cron" ? `cron ${schedule.value} (${where})` : `once at ${schedule.value} (${where})`;
}

function taskText(task: VisibleTask, zone: string): string {
  const prompt = task.prompt.replace(/\s+/g, " ").slice(0, 200);
  const last = task.last === null ? "" : `\n  last: ${task.last.outcome} at ${task.last.endedAt}${errorText(task.last.error)}`;
  const next = task.nextAt === null ? "" : `, next at ${task.nextAt}`;
  return `${task.id}  ${task.status}  ${task.group}  ${scheduleText(task.schedule, zone)}${next}\n  ${prompt}${last}`;
}

function errorText(error: string | null): string {
  return error === null ? "" : ` (${error.replace(/\s+/g, " ").slice(0, 200)})`;
}

export function tasksText({ tasks, timezone }: TasksSnapshot): string {
  if (tasks.length === 0) return `No tasks. Schedules without a time zone are in ${timezone}.`;
  return tasks.map((task) => taskText(task, timezone)).join("\n");
}

export function groupsText({ groups }: GroupsSnapshot): string {
  return groups.map(({ jid, name, folder, isMain }) => `${jid}  ${folder}${isMain ? " (main)" : ""}  ${name}`).join("\n");
}
