import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Home } from "../../../../src/agents/home/home.ts";
import { KEPT_FINISHED, TASK_LIMITS, type TaskOperation } from "../../../../src/agents/tasks/operations.ts";
import { Tasks } from "../../../../src/agents/tasks/tasks.ts";
import type { VisibleTask } from "../../../../src/model/mail.ts";
import type { Group } from "../../../../src/model/group.ts";
import type { JobEnd, Schedule, TaskJob } from "../../../../src/model/task.ts";
import { DrivenClock } from "../../../fixtures/driven-clock.ts";
import { temporaryHome } from "../../../fixtures/home.ts";

const family = { folder: "family", isMain: false };
const other = { folder: "other", isMain: false };
const main = { folder: "main", isMain: true };
const nine: Schedule = { type: "cron", value: "0 9 * * *" };

/** A queue that takes each id once, and ends jobs at once unless it is told to hold them. */
class Carrier {
  readonly jobs: TaskJob[] = [];
  readonly #known = new Set<string>();
  tasks: Tasks | undefined;
  holds = false;
  refuses = false;

  readonly enqueueJob = async (job: TaskJob): Promise<void> => {
    if (this.refuses) throw new Error("the disk is full");
    if (this.#known.has(job.id)) return;
    this.#known.add(job.id);
    this.jobs.push(job);
    if (!this.holds) await this.end(job);
  };

  async end(job: TaskJob, end: Partial<JobEnd> = {}): Promise<void> {
    await this.tasks?.onJobEnd(job, {
      run: "run-1",
      plannedAt: job.plannedAt,
      endedAt: job.plannedAt,
      outcome: "success",
      result: "done",
      error: null,
      newSessionId: null,
      ...end,
    });
  }

  planned(): string[] {
    return this.jobs.map(({ plannedAt }) => plannedAt.replace(":00.000Z", "Z"));
  }
}

interface Stage {
  readonly home: Home;
  readonly clock: DrivenClock;
  readonly queue: Carrier;
  readonly tasks: Tasks;
  /** The registered groups, to be changed. */
  readonly groups: Group[];
  add(schedule: Schedule, more?: Partial<TaskOperation>): Promise<VisibleTask>;
  /** Another process takes over: the same home and queue, a new store. */
  again(clock?: DrivenClock): Promise<Stage>;
}

const open: Tasks[] = [];
afterEach(async () => {
  for (const tasks of open.splice(0)) await tasks.close();
});

async function stage(start: string, timezone = "Europe/Berlin"): Promise<Stage> {
  const home = await temporaryHome();
  return await openStage(home, new DrivenClock(start), new Carrier(), timezone);
}

async function openStage(home: Home, clock: DrivenClock, queue: Carrier, timezone: string): Promise<Stage> {
  const groups = ["main", "family", "other"].map((folder) => {
    return { jid: `${folder}@g.us`, name: folder, folder, isMain: folder === "main" };
  });
  const tasks = await Tasks.open({
    home,
    groups: async () => await Promise.resolve(groups),
    timezone,
    queue,
    clock,
    logger: { warn: () => undefined },
  });
  open.push(tasks);
  queue.tasks = tasks;
  await tasks.start();
  return {
    home,
    clock,
    queue,
    tasks,
    groups,
    async add(schedule, more = {}) {
      const task = await tasks.apply({ type: "schedule", prompt: "Look.", schedule, ...more } as TaskOperation, family);
      if (!task) throw new Error("nothing was made");
      return task;
    },
    async again(next = clock) {
      await tasks.close();
      open.splice(open.indexOf(tasks), 1);
      return await openStage(home, next, queue, timezone);
    },
  };
}

test("a daily task through the days around both changes of the clocks, each day once", async () => {
  const { clock, queue, add } = await stage("2026-03-27T12:00:00Z");
  await add({ type: "cron", value: "30 2 * * *" });
  await add({ type: "cron", value: "0 2 * * *", timezone: "Asia/Kolkata" });
  await clock.passUntil("2026-03-31T12:00:00Z");
  expect(queue.planned()).toEqual([
    "2026-03-27T20:30Z",
    "2026-03-28T01:30Z",
    "2026-03-28T20:30Z",
    "2026-03-29T01:00Z",
    "2026-03-29T20:30Z",
    "2026-03-30T00:30Z",
    "2026-03-30T20:30Z",
    "2026-03-31T00:30Z",
  ]);
  const autumn = await stage("2026-10-24T12:00:00Z");
  await autumn.add({ type: "cron", value: "30 2 * * *" });
  await autumn.clock.passUntil("2026-10-27T12:00:00Z");
  expect(autumn.queue.planned()).toEqual(["2026-10-25T00:30Z", "2026-10-26T01:30Z", "2026-10-27T01:30Z"]);
});

test("an interval keeps to its plan through a restart in the middle, however long its runs take", async () => {
  const first = await stage("2026-06-01T00:00:00Z");
  await first.add({ type: "interval", value: 3_600_000 });
  await first.clock.passUntil("2026-06-01T02:20:00Z");
  const second = await first.again();
  await second.clock.passUntil("2026-06-01T04:59:00Z");
  expect(second.queue.planned()).toEqual(["2026-06-01T01:00Z", "2026-06-01T02:00Z", "2026-06-01T03:00Z", "2026-06-01T04:00Z"]);
});

test("times missed while no host ran, or while the machine slept, run once, as the latest of them", async () => {
  const first = await stage("2026-06-01T00:00:00Z", "UTC");
  await first.add(nine);
  await first.add({ type: "once", value: "2026-06-02T10:00" });
  await first.clock.passUntil("2026-06-01T10:00:00Z");
  const second = await first.again(new DrivenClock("2026-06-05T08:00:00Z"));
  expect(second.queue.planned()).toEqual(["2026-06-01T09:00Z", "2026-06-04T09:00Z", "2026-06-02T10:00Z"]);
  expect(second.tasks.list(family).map(({ status, nextAt }) => [status, nextAt])).toEqual([
    ["active", "2026-06-05T09:00:00.000Z"],
    ["done", null],
  ]);
  second.clock.jumpTo("2026-06-20T12:00:00Z");
  await second.clock.pass(30_000);
  expect(second.queue.planned().slice(3)).toEqual(["2026-06-20T09:00Z"]);
});

test("a clock that goes back repeats nothing within a day, and waits for no year that never comes", async () => {
  const { clock, queue, add } = await stage("2026-06-01T08:59:00Z", "UTC");
  await add(nine);
  await clock.pass(120_000);
  clock.jumpTo("2026-06-01T08:30:00Z");
  await clock.pass(3_600_000);
  expect(queue.planned()).toEqual(["2026-06-01T09:00Z"]);
  clock.jumpTo("2031-01-01T00:00:00Z");
  await clock.pass(30_000);
  clock.jumpTo("2026-06-02T00:00:00Z");
  await clock.passUntil("2026-06-02T10:00:00Z");
  expect(queue.planned()).toEqual(["2026-06-01T09:00Z", "2030-12-31T09:00Z", "2026-06-02T09:00Z"]);
  expect(new Set(queue.jobs.map(({ id }) => id)).size).toBe(3);
});

test("a time further away than any timer reaches comes", async () => {
  const { clock, queue, add } = await stage("2026-01-01T00:00:00Z", "UTC");
  await add({ type: "once", value: "2026-02-15T12:00" });
  await clock.passUntil("2026-02-15T11:59:59Z");
  expect(queue.jobs).toEqual([]);
  await clock.pass(1000);
  expect(queue.planned()).toEqual(["2026-02-15T12:00Z"]);
});

test("one job of a task at a time; what came while it went on runs once afterwards", async () => {
  const { clock, queue, tasks, add } = await stage("2026-06-01T00:00:00Z", "UTC");
  queue.holds = true;
  const task = await add({ type: "interval", value: 600_000 });
  await clock.passUntil("2026-06-01T00:45:00Z");
  expect(queue.planned()).toEqual(["2026-06-01T00:10Z"]);
  await expect(tasks.runNow(task.id, family)).rejects.toThrow(/is under way/);
  const [job] = queue.jobs;
  if (!job) throw new Error("no job");
  await queue.end(job, { outcome: "failed", result: null, error: "no luck" });
  // Told twice, as after a crash: it counts once.
  await queue.end(job, { outcome: "failed", result: null, error: "no luck" });
  await clock.pass(0);
  await expect.poll(() => queue.planned()).toEqual(["2026-06-01T00:10Z", "2026-06-01T00:40Z"]);
  expect(tasks.get(task.id, family)).toMatchObject({ runs: 1, last: { outcome: "failed", error: "no luck", run: "run-1" } });
});

test("a task with a session of its own goes on in it", async () => {
  const { clock, queue, add } = await stage("2026-06-01T00:00:00Z", "UTC");
  queue.holds = true;
  await add({ type: "interval", value: 600_000 }, { session: "own" });
  await clock.pass(600_000);
  const [job] = queue.jobs;
  if (!job) throw new Error("no job");
  expect(job.sessionId).toBeNull();
  await queue.end(job, { newSessionId: "abc" });
  await clock.pass(600_000);
  expect(queue.jobs[1]?.sessionId).toBe("abc");
});

test("a job that the queue does not take is offered again, also to the queue of the next process", async () => {
  const { clock, queue, add, again } = await stage("2026-06-01T00:00:00Z", "UTC");
  queue.refuses = true;
  await add({ type: "interval", value: 600_000 });
  await clock.pass(605_000);
  expect(queue.jobs).toEqual([]);
  queue.refuses = false;
  await clock.pass(30_000);
  expect(queue.planned()).toEqual(["2026-06-01T00:10Z"]);
  queue.refuses = true;
  await clock.pass(600_000);
  queue.refuses = false;
  await again(new DrivenClock("2026-06-01T00:50:30Z"));
  // The one that was planned first, under its own id, and one for all that came since.
  await expect.poll(() => queue.planned()).toEqual(["2026-06-01T00:10Z", "2026-06-01T00:20Z", "2026-06-01T00:50Z"]);
});

test("pause and resume, update, cancel, run now", async () => {
  const { clock, queue, tasks, add } = await stage("2026-06-01T00:00:00Z", "UTC");
  const { id } = await add({ type: "interval", value: 600_000 });
  await tasks.apply({ type: "pause", task: id }, family);
  await clock.passUntil("2026-06-01T01:05:00Z");
  expect(queue.jobs).toEqual([]);
  expect(await tasks.apply({ type: "resume", task: id }, family)).toMatchObject({
    nextAt: "2026-06-01T01:10:00.000Z",
    reason: null,
  });
  expect(await tasks.apply({ type: "update", task: id, prompt: "Anew.", schedule: nine, guard: "true" }, family)).toMatchObject({
    prompt: "Anew.",
    nextAt: "2026-06-01T09:00:00.000Z",
    guard: "true",
  });
  expect(await tasks.apply({ type: "update", task: id, guard: null }, family)).toMatchObject({ guard: null });
  await tasks.runNow(id, family);
  expect(queue.jobs).toMatchObject([{ prompt: "Anew.", plannedAt: "2026-06-01T01:05:00.000Z" }]);
  expect(tasks.get(id, family)).toMatchObject({ runs: 1, nextAt: "2026-06-01T09:00:00.000Z" });
  expect(await tasks.apply({ type: "cancel", task: id }, family)).toMatchObject({ status: "cancelled", nextAt: null });
  await expect(tasks.apply({ type: "resume", task: id }, family)).rejects.toMatchObject({ code: "TASK_INVALID" });
  await expect(tasks.runNow(id, family)).rejects.toMatchObject({ code: "TASK_INVALID" });
  const once = await add({ type: "once", value: "2026-06-01T02:00" });
  await tasks.apply({ type: "pause", task: once.id }, family);
  await clock.passUntil("2026-06-01T03:00:00Z");
  await expect(tasks.apply({ type: "resume", task: once.id }, family)).rejects.toThrow(/passed while it was paused/);
});

test("a job whose turn has not come goes by what was said since: not after a pause or a cancel, again after a resume", async () => {
  const { clock, queue, tasks, add } = await stage("2026-06-01T00:00:00Z", "UTC");
  queue.holds = true;
  const tell = async (type: "pause" | "resume" | "cancel", task: string): Promise<unknown> =>
    await tasks.apply({ type, task }, family);
  const daily = await add({ type: "once", value: "2026-06-01T09:00" });
  const another = await add(nine);
  await clock.passUntil("2026-06-01T09:00:01Z");
  const [job, second] = queue.jobs as [TaskJob, TaskJob];
  expect(tasks.current(job)).toEqual(job);
  await tell("pause", daily.id);
  expect(tasks.current(job)).toBeNull();
  await tell("resume", daily.id);
  await tasks.apply({ type: "update", task: daily.id, prompt: "Anew." }, family);
  expect(tasks.current(job)).toEqual({ ...job, prompt: "Anew." });
  await queue.end(job);
  expect(tasks.get(daily.id, family)).toMatchObject({ status: "done" });
  expect(tasks.current(job)).toBeNull();
  await tell("cancel", another.id);
  expect(tasks.current(second)).toBeNull();
  await queue.end(second, { outcome: "skipped", run: null, result: null });
  expect(tasks.get(another.id, family)).toMatchObject({ status: "cancelled", last: { outcome: "skipped" } });
  // What the owner runs by hand while it is paused is wanted.
  const paused = await add(nine);
  await tell("pause", paused.id);
  await tasks.runNow(paused.id, family);
  expect(tasks.current(queue.jobs[2] as TaskJob)).toMatchObject({ task: paused.id });
});

test("who may do what", async () => {
  const { tasks, add } = await stage("2026-06-01T00:00:00Z");
  const { id } = await add(nine);
  const operations: readonly TaskOperation[] = [
    { type: "update", task: id, prompt: "Mine now." },
    { type: "pause", task: id },
    { type: "resume", task: id },
    { type: "cancel", task: id },
  ];
  for (const operation of operations) {
    await expect(tasks.apply(operation, other), operation.type).rejects.toMatchObject({ code: "TASK_NOT_FOUND" });
  }
  expect(() => tasks.get(id, other)).toThrow(/no task/);
  await expect(tasks.runNow(id, other)).rejects.toMatchObject({ code: "TASK_NOT_FOUND" });
  const foreign: TaskOperation = { type: "schedule", prompt: "Do.", schedule: nine, group: "family" };
  await expect(tasks.apply(foreign, other)).rejects.toMatchObject({ code: "MAIL_FORBIDDEN" });
  expect(await tasks.apply(foreign, main)).toMatchObject({ group: "family", createdBy: "main" });
  expect(await tasks.apply(foreign, "owner")).toMatchObject({ group: "family", createdBy: "owner" });
  await expect(tasks.apply({ ...foreign, group: "nobody" }, main)).rejects.toMatchObject({ code: "GROUP_NOT_FOUND" });
  expect([tasks.list(family), tasks.list(other), tasks.list(main), tasks.list("owner")].map(({ length }) => length)).toEqual([
    3, 0, 3, 3,
  ]);
  for (const operation of operations) await tasks.apply(operation, main);
});

test("an operation with an id is carried out once, also by the next process", async () => {
  const first = await stage("2026-06-01T00:00:00Z");
  const operation: TaskOperation = { type: "schedule", prompt: "Once.", schedule: nine };
  const made = await first.tasks.apply(operation, family, "file-1");
  expect(await first.tasks.apply(operation, family, "file-1")).toEqual(made);
  const second = await first.again();
  expect(await second.tasks.apply(operation, family, "file-1")).toEqual(made);
  // The same id from another group is another operation.
  await second.tasks.apply(operation, other, "file-1");
  expect(second.tasks.list("owner")).toHaveLength(2);
});

test("many changes at once all hold, and what is refused changes nothing", async () => {
  const { home, tasks, add, again } = await stage("2026-06-01T00:00:00Z");
  const made = await Promise.all(Array.from({ length: TASK_LIMITS.tasks }, async () => await add(nine)));
  await expect(add(nine)).rejects.toMatchObject({ code: "TASK_INVALID" });
  const [task] = made;
  if (!task) throw new Error("no task");
  await expect(
    tasks.apply({ type: "update", task: task.id, prompt: "x".repeat(TASK_LIMITS.characters) }, family),
  ).rejects.toThrow(/characters long; the limit is/);
  await expect(tasks.apply({ type: "update", task: task.id }, family)).rejects.toThrow(/changes nothing/);
  // One that is over makes room, and few of those are remembered.
  await Promise.all(made.map(async ({ id }) => await tasks.apply({ type: "cancel", task: id }, family)));
  await add(nine);
  expect(tasks.list(family)).toHaveLength(KEPT_FINISHED + 1);
  const text = await readFile(join(home.host, "tasks.json"), "utf8");
  expect(JSON.parse(text)).toMatchObject({ tasks: { length: KEPT_FINISHED + 1 } });
  expect((await again()).tasks.list(family)).toHaveLength(KEPT_FINISHED + 1);
});

test("tasks of a group that was removed rest, and say so", async () => {
  const { groups, clock, queue, tasks, add } = await stage("2026-06-01T00:00:00Z");
  const { id } = await add({ type: "interval", value: 600_000 });
  groups.splice(1, 1);
  await clock.passUntil("2026-06-01T01:00:00Z");
  expect(queue.jobs).toEqual([]);
  expect(tasks.get(id, "owner")).toMatchObject({ status: "paused", reason: "its group was removed", nextAt: null });
  await expect(tasks.apply({ type: "resume", task: id }, "owner")).rejects.toMatchObject({ code: "GROUP_NOT_FOUND" });
});

test("one process keeps the tasks at a time, and a file that cannot be read is left as it is", async () => {
  const { home, tasks } = await stage("2026-06-01T00:00:00Z");
  const groups = async (): Promise<Group[]> => await Promise.resolve([]);
  const options = { home, groups, timezone: "UTC", queue: null, logger: { warn: () => undefined } };
  await expect(Tasks.open(options)).rejects.toMatchObject({ code: "HOME_BUSY" });
  await tasks.close();
  // What comes when it is closed changes nothing: whoever told of it tells the next process again.
  await expect(tasks.apply({ type: "schedule", prompt: "Late.", schedule: nine }, main)).rejects.toThrow(/are closed/);
  await writeFile(join(home.host, "tasks.json"), '{"tasks":[{}]}');
  await expect(Tasks.open(options)).rejects.toMatchObject({ code: "HOME_INVALID" });
  expect(await readFile(join(home.host, "tasks.json"), "utf8")).toBe('{"tasks":[{}]}');
});
