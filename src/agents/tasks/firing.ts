import type { JobEnd, TaskJob } from "../../model/task.ts";
import { finished, toISO } from "./operations.ts";
import { latestTime, nextTime } from "./schedule.ts";
import type { StoredTask } from "./stored-task.ts";

/** Results and errors in the store are cut to this many characters. */
const keptCharacters = 4000;
/** Times that were done are not done again when the clock goes back, unless it goes back further than this. */
const clockTrustMs = 86_400_000;

/** Whether a time of `task` has come, and no job of it is under way. */
export function isDue(task: StoredTask, now: number): boolean {
  return task.status === "active" && task.job === null && task.nextAt !== null && Date.parse(task.nextAt) <= now;
}

/** `task` with a job for the latest of its times that have come: those before it were missed, and one run stands for them all. */
export function fire(task: StoredTask, now: number): StoredTask {
  const anchor = Date.parse(task.anchor);
  const due = Date.parse(task.nextAt ?? toISO(now));
  const planned = Math.max(due, latestTime(task.schedule, anchor, now) ?? due);
  const next = task.schedule.type === "once" ? null : nextTime(task.schedule, anchor, Math.max(now, planned));
  return { ...withJob(task, planned), nextAt: next === null ? null : toISO(next) };
}

/** `task` with a job for this moment, outside its schedule. */
export function fireNow(task: StoredTask, now: number): StoredTask {
  return withJob(task, now);
}

function withJob(task: StoredTask, planned: number): StoredTask {
  const plannedAt = toISO(planned);
  // A clock that went back, or a run by hand, may come to a time again; the queue would take the same id for the same job.
  const again = task.firedAt !== null && plannedAt <= task.firedAt ? `:${task.fired}` : "";
  const firedAt = task.firedAt !== null && task.firedAt > plannedAt ? task.firedAt : plannedAt;
  return { ...task, job: { id: `task:${task.id}:${plannedAt}${again}`, plannedAt }, firedAt, fired: task.fired + 1 };
}

/** `task` after its job ended; unchanged when that job's end is known already. */
export function endJob(task: StoredTask, job: TaskJob, end: JobEnd, now: number): StoredTask {
  if (task.job?.id !== job.id) return task;
  const { newSessionId, run, plannedAt, endedAt, outcome, result, error } = end;
  const ended: StoredTask = {
    ...task,
    job: null,
    runs: task.runs + 1,
    sessionId: task.session === "own" ? (newSessionId ?? task.sessionId) : task.sessionId,
    last: { run, plannedAt, endedAt, outcome, result: cut(result), error: cut(error) },
  };
  return ended.status === "active" && ended.nextAt === null ? finished(ended, "done", now) : ended;
}

/**
 * `task` after the clock went back: its next time may now be too far ahead. Times that were done stay done, unless the clock
 * had been wrong by more than a day.
 */
export function afterClockWentBack(task: StoredTask, now: number): StoredTask {
  if (task.status !== "active" || task.nextAt === null || task.schedule.type === "once") return task;
  const fired = task.firedAt === null ? -Infinity : Date.parse(task.firedAt);
  const from = fired > now && fired - now <= clockTrustMs ? fired : now;
  // An interval that was begun while the clock was ahead counts from now.
  const anchor = Math.min(Date.parse(task.anchor), now);
  const next = nextTime(task.schedule, anchor, from);
  if (next === null || next >= Date.parse(task.nextAt)) return task;
  return { ...task, anchor: toISO(anchor), nextAt: toISO(next) };
}

/** What the queue carries out for `task`. */
export function jobOf(task: StoredTask): TaskJob | undefined {
  if (!task.job) return undefined;
  const { id, group, prompt, session, sessionId, guard, job } = task;
  return {
    id: job.id,
    task: id,
    group,
    prompt,
    session,
    sessionId: session === "own" ? sessionId : null,
    guard,
    plannedAt: job.plannedAt,
  };
}

function cut(text: string | null): string | null {
  return text !== null && text.length > keptCharacters ? `${text.slice(0, keptCharacters)}…` : text;
}
