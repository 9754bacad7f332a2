import type { Command } from "commander";
import pc from "picocolors";
import { findGroup, readGroups } from "../agents/groups/registry.ts";
import type { Home } from "../agents/home/home.ts";
import type { TaskVerb } from "../agents/tasks/handlers.ts";
import { createLogger } from "../host/installation.ts";
import { callServe } from "../host/serve/control-client.ts";
import { NovaError, quote } from "../model/errors.ts";
import type { VisibleTask } from "../model/mail.ts";
import type { Schedule } from "../model/task.ts";
import type { CLIContext } from "./context.ts";
import { table } from "./output.ts";
import { openChosenHome } from "./session.ts";

interface PlanOptions {
  readonly cron?: string;
  readonly every?: string;
  readonly at?: string;
  readonly timezone?: string;
  readonly session?: string;
  readonly guard?: string;
  readonly prompt?: string;
  readonly json?: boolean;
}

const examples = `
Examples:
  novabot tasks add family "Remind everybody of the bins." --cron "0 19 * * 4" --timezone Europe/Berlin
  novabot tasks add family "Read inbox.txt and tell what is new." --every 10m --guard "test -s inbox.txt"
  novabot tasks add family "Wish Ada a happy birthday." --at 2026-12-10T09:00`;

export function addTasksCommand(program: Command, context: CLIContext): void {
  const tasks = program.command("tasks").description("What the groups' agents shall do at set times.");
  tasks
    .command("list")
    .description("All tasks, or one group's.")
    .argument("[group]", "the group's folder, chat id or name")
    .option("--json", "print JSON")
    .action(async (name: string | undefined, options: { json?: boolean }, command: Command) => {
      const home = await openChosenHome(command, context, false);
      const body = name === undefined ? {} : { group: findGroup(await readGroups(home), name).folder };
      const known = await ask<readonly VisibleTask[]>(home, context, "list", body);
      if (options.json) return context.printJSON(known);
      if (!known.length) return context.print("No tasks. Add one with `novabot tasks add`, or let an agent schedule one.");
      const rows = known.map((task) => [
        task.id,
        task.group,
        task.status,
        task.nextAt ?? "",
        describeSchedule(task.schedule),
        task.prompt.length > 50 ? `${task.prompt.slice(0, 50)}…` : task.prompt,
      ]);
      for (const line of table(["TASK", "GROUP", "STATUS", "NEXT", "SCHEDULE", "PROMPT"], rows)) context.print(line.trimEnd());
    });
  withPlan(
    tasks
      .command("add")
      .description("Schedule a task for a group.")
      .argument("<group>", "the group's folder, chat id or name")
      .argument("<prompt>", "what its agent is told"),
  )
    .addHelpText("after", examples)
    .action(async (name: string, prompt: string, options: PlanOptions, command: Command) => {
      const home = await openChosenHome(command, context, false);
      const { folder } = findGroup(await readGroups(home), name);
      const schedule = scheduleOf(options);
      if (!schedule) throw usage("The task has no schedule.", "Give one of --cron, --every and --at.");
      const task = await ask<VisibleTask>(home, context, "add", { group: folder, prompt, schedule, ...settingsOf(options) });
      show(task, options.json, context);
    });
  withPlan(
    tasks
      .command("update")
      .description("Change a task; what is not named stays.")
      .argument("<task>", "the task's id")
      .option("--prompt <text>", "what its agent is told"),
  ).action(async (task: string, options: PlanOptions, command: Command) => {
    const schedule = scheduleOf(options);
    const { guard, ...settings } = settingsOf(options);
    const body = {
      task,
      ...settings,
      ...(guard === undefined ? {} : { guard: guard === "" ? null : guard }),
      ...(options.prompt === undefined ? {} : { prompt: options.prompt }),
      ...(schedule ? { schedule } : {}),
    };
    show(await ask(await openChosenHome(command, context, false), context, "update", body), options.json, context);
  });
  const verbs: readonly (readonly [TaskVerb, string])[] = [
    ["show", "One task, with how its last run ended."],
    ["pause", "Let a task rest until it is resumed."],
    ["resume", "Go on with a paused task, from its next time on."],
    ["cancel", "End a task for good."],
    ["run-now", "Run a task at once, beside its schedule; `novabot serve` has to be running."],
  ];
  for (const [verb, description] of verbs) {
    tasks
      .command(verb)
      .description(description)
      .argument("<task>", "the task's id")
      .option("--json", "print JSON")
      .action(async (task: string, options: { json?: boolean }, command: Command) => {
        show(await ask(await openChosenHome(command, context, false), context, verb, { task }), options.json, context);
      });
  }
}

function withPlan(command: Command): Command {
  return command
    .option("--cron <pattern>", 'five fields, or six with seconds first: "0 9 * * 1-5"')
    .option("--every <duration>", "so often: 30s, 10m, 2h, 1d, or milliseconds")
    .option("--at <time>", "once: 2026-12-24T18:00, or with an offset or Z")
    .option("--timezone <name>", "of --cron and --at: Europe/Berlin; this machine's when left out")
    .option("--session <which>", "group: go on in the group's conversation; own: in one of the task's own")
    .option(
      "--guard <script>",
      "a shell script that runs first: status 0 starts the agent, 1 skips this time; an empty one takes it away",
    )
    .option("--json", "print JSON");
}

/** Asks the `novabot serve` of the home; where none runs, the tasks are looked at and changed here. */
async function ask<T>(home: Home, context: CLIContext, verb: TaskVerb, body: unknown): Promise<T> {
  try {
    return (await callServe(home, `/v1/tasks/${verb}`, body)) as T;
  } catch (thrown) {
    if (!(thrown instanceof NovaError) || thrown.code !== "SERVE_NOT_RUNNING") throw thrown;
  }
  // Loading it would cost every other command's start some ten milliseconds.
  const [{ Tasks }, { taskHandlers }] = await Promise.all([
    import("../agents/tasks/tasks.ts"),
    import("../agents/tasks/handlers.ts"),
  ]);
  const tasks = await Tasks.open({
    home,
    groups: async () => await readGroups(home),
    timezone: context.env["TZ"] || Intl.DateTimeFormat().resolvedOptions().timeZone,
    queue: null,
    logger: createLogger(context.env, "silent"),
  });
  try {
    return (await taskHandlers(tasks)[verb](body)) as T;
  } finally {
    await tasks.close();
  }
}

function scheduleOf({ cron, every, at, timezone }: PlanOptions): Schedule | undefined {
  if ([cron, every, at].filter((given) => given !== undefined).length > 1) {
    throw usage("The task has more than one schedule.", "Give one of --cron, --every and --at.");
  }
  const zone = timezone === undefined ? {} : { timezone };
  if (cron !== undefined) return { type: "cron", value: cron, ...zone };
  if (at !== undefined) return { type: "once", value: at, ...zone };
  if (timezone !== undefined) throw usage("--timezone stands without --cron or --at.", "Give the schedule that it belongs to.");
  return every === undefined ? undefined : { type: "interval", value: readDuration(every) };
}

function settingsOf({ session, guard }: PlanOptions): { session?: string; guard?: string } {
  if (session !== undefined && session !== "group" && session !== "own") {
    throw usage(`--session is ${quote(session)}.`, "It is group or own.");
  }
  return { ...(session === undefined ? {} : { session }), ...(guard === undefined ? {} : { guard }) };
}

const units: Readonly<Record<string, number>> = { "": 1, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function readDuration(text: string): number {
  const [, digits, unit] = /^(\d{1,15})(ms|s|m|h|d|)$/.exec(text.trim()) ?? [];
  const factor = unit === undefined ? undefined : units[unit];
  if (digits === undefined || factor === undefined)
    throw usage(`--every is ${quote(text)}.`, "Write it like 30s, 10m, 2h or 1d.");
  return Number(digits) * factor;
}

function usage(message: string, next: string): NovaError {
  return new NovaError("USAGE", message, { place: "the command line", next });
}

/** As `--every` takes it. */
function writeDuration(ms: number): string {
  const unit = ["d", "h", "m", "s"].find((name) => ms % (units[name] ?? 1) === 0) ?? "ms";
  return `${ms / (units[unit] ?? 1)}${unit}`;
}

function describeSchedule(schedule: Schedule): string {
  if (schedule.type === "interval") return `every ${writeDuration(schedule.value)}`;
  return `${schedule.type === "once" ? "at " : ""}${schedule.value} ${schedule.timezone ?? ""}`.trimEnd();
}

function show(task: VisibleTask, json: boolean | undefined, context: CLIContext): void {
  if (json) return context.printJSON(task);
  const facts: readonly (readonly [string, string | null])[] = [
    ["task", task.id],
    ["group", task.group],
    ["status", task.reason === null ? task.status : `${task.status} (${task.reason})`],
    ["schedule", describeSchedule(task.schedule)],
    ["next", task.nextAt],
    ["session", task.session],
    ["guard", task.guard],
    ["by", task.createdBy],
    ["runs", String(task.runs)],
    ["last", task.last && `${task.last.outcome} at ${task.last.endedAt}, planned for ${task.last.plannedAt}`],
    ["run", task.last?.run ?? null],
    ["error", task.last?.error ?? null],
    ["prompt", task.prompt],
    ["result", task.last?.result ?? null],
  ];
  const width = Math.max(...facts.map(([key]) => key.length));
  for (const [key, value] of facts) if (value !== null) context.printAnswer(`${pc.dim(key.padEnd(width))}  ${value}`);
}
