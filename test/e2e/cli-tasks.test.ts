import pino from "pino";
import { expect, onTestFinished, test } from "vitest";
import { readGroups } from "../../src/agents/groups/registry.ts";
import { openHome } from "../../src/agents/home/home.ts";
import { taskHandlers } from "../../src/agents/tasks/handlers.ts";
import { Tasks } from "../../src/agents/tasks/tasks.ts";
import { ControlServer } from "../../src/host/serve/control-server.ts";
import type { TaskJob } from "../../src/model/task.ts";
import { runNovabot } from "../fixtures/command-line.ts";
import { temporaryDirectory } from "../fixtures/home.ts";

async function place(): Promise<{ home: string; env: Record<string, string> }> {
  const home = `${await temporaryDirectory()}/home`;
  const env = { NOVABOT_HOME: home, TZ: "Europe/Berlin" };
  expect((await runNovabot(["groups", "add", "local:family", "--folder", "family"], env)).code).toBe(0);
  return { home, env };
}

async function json(args: readonly string[], env: Record<string, string>): Promise<Record<string, unknown>> {
  return JSON.parse((await runNovabot(["tasks", ...args, "--json"], env)).stdout) as Record<string, unknown>;
}

test("where no serve runs, tasks are made and changed on the spot, and cannot be run", async () => {
  const { env } = await place();
  const task = await json(["add", "family", "Remind them.", "--cron", "0 9 * * 1-5", "--session", "own"], env);
  expect(task).toMatchObject({
    group: "family",
    schedule: { type: "cron", value: "0 9 * * 1-5", timezone: "Europe/Berlin" },
    session: "own",
    createdBy: "owner",
    status: "active",
  });
  const id = String(task["id"]);
  expect(await json(["pause", id], env)).toMatchObject({ status: "paused", nextAt: null });
  expect(await json(["update", id, "--every", "2h", "--guard", "true"], env)).toMatchObject({
    schedule: { type: "interval", value: 7_200_000 },
    guard: "true",
    prompt: "Remind them.",
  });
  expect(await json(["update", id, "--guard", ""], env)).toMatchObject({ guard: null });
  expect(await json(["resume", id], env)).toMatchObject({ status: "active" });
  expect(await json(["run-now", id], env)).toMatchObject({ error: { code: "SERVE_NOT_RUNNING" } });
  expect((await runNovabot(["tasks", "list", "family"], env)).stdout).toMatch(
    new RegExp(`^TASK +GROUP +STATUS +NEXT +SCHEDULE +PROMPT\n${id} +family +active +\\S+Z +every 2h +Remind them\\.\n$`),
  );
  expect((await runNovabot(["tasks", "show", id], env)).stdout).toMatch(/^task +\w+\ngroup +family\n/);
  expect(await json(["cancel", id], env)).toMatchObject({ status: "cancelled" });
});

test("a command line that makes no sense says what would", async () => {
  const { env } = await place();
  for (const [args, message] of [
    [["add", "family", "x"], /no schedule/],
    [["add", "family", "x", "--cron", "* * * * *", "--every", "5m"], /more than one schedule/],
    [["add", "family", "x", "--every", "soon"], /--every is "soon"/],
    [["add", "family", "x", "--every", "5m", "--timezone", "UTC"], /stands without/],
    [["add", "family", "x", "--every", "5m", "--session", "mine"], /--session is "mine"/],
    [["add", "family", "x", "--cron", "* * *"], /has 3 fields/],
    [["add", "nobody", "x", "--every", "5m"], /no group "nobody"/],
    [["show", "nope"], /no task "nope"/],
  ] as const) {
    const { code, stderr } = await runNovabot(["tasks", ...args], env);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
  }
});

test("where a serve runs, it is asked", async () => {
  const { home: path, env } = await place();
  const home = await openHome(path, { create: false });
  const jobs: TaskJob[] = [];
  const enqueueJob = async (job: TaskJob): Promise<void> => void (await Promise.resolve(jobs.push(job)));
  const logger = pino({ level: "silent" });
  const groups = async () => await readGroups(home);
  const tasks = await Tasks.open({ home, groups, timezone: "UTC", queue: { enqueueJob }, logger });
  onTestFinished(async () => await tasks.close());
  await tasks.start();
  const answers = Object.fromEntries(Object.entries(taskHandlers(tasks)).map(([verb, answer]) => [`/v1/tasks/${verb}`, answer]));
  const server = new ControlServer({ answers, streams: {} }, logger);
  await server.listen(home);
  onTestFinished(async () => await server.close());
  const { id } = await json(["add", "family", "Now and then.", "--at", "2999-01-01T00:00Z"], env);
  expect(tasks.list("owner")).toMatchObject([{ id, schedule: { timezone: "UTC" } }]);
  expect(await json(["run-now", String(id)], env)).toMatchObject({ id });
  expect(jobs).toMatchObject([{ task: id, prompt: "Now and then." }]);
  expect(await json(["run-now", String(id)], env)).toMatchObject({ error: { code: "TASK_INVALID" } });
  expect(await json(["list"], env)).toMatchObject([{ id }]);
});
