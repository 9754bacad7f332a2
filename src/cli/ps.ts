import type { Command } from "commander";
import pc from "picocolors";
import type { APIAnswer } from "../model/api/calls.ts";
import { stateText } from "../model/event-text.ts";
import type { GroupView, ModuleView, ProcessView, WorkerView } from "../model/kept.ts";
import type { Client } from "../client/client.ts";
import type { CLIContext } from "./context.ts";
import { openOrchestratorClient } from "./orchestrator-session.ts";
import { formatDuration, table, visible } from "./output.ts";

export function addPsCommand(program: Command, context: CLIContext): void {
  program
    .command("ps")
    .description(
      "What runs in this installation: workers' processes, groups' agents and modules, as the orchestrator knows them.",
    )
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean }, command: Command) => {
      const client = await openOrchestratorClient(command, context);
      await printProcesses(client, context, options.json === true);
    });
}

/** What `ps` shows. */
export type Processes = APIAnswer<"workers.list"> &
  APIAnswer<"process.list"> &
  APIAnswer<"groups.list"> &
  APIAnswer<"modules.list">;

export async function readProcesses(client: Client): Promise<Processes> {
  const [workers, processes, groups, modules] = await Promise.all([
    client.call("workers.list", {}),
    client.call("process.list", {}),
    client.call("groups.list", {}),
    client.call("modules.list", {}),
  ]);
  return { ...workers, ...processes, ...groups, ...modules };
}

export async function printProcesses(client: Client, context: CLIContext, json: boolean): Promise<void> {
  const seen = await readProcesses(client);
  if (json) return context.printJSON(seen);
  const parts = processTables(seen, Date.now());
  if (parts.length === 0) context.print("Nothing runs: no workers, no groups, no modules.");
  for (const [index, lines] of parts.entries()) {
    if (index > 0) context.print("");
    for (const line of lines) context.print(line);
  }
  for (const { worker, state, why } of seen.workers)
    if (state === "lost") context.note(`${pc.yellow("note")} ${worker}: ${visible(why)}`);
  for (const { module, state, why } of seen.modules)
    if (state === "unhealthy" || state === "unknown") context.note(`${pc.yellow("note")} ${module}: ${visible(why)}`);
}

/** So long a worker whose container is gone is shown; its lines and errors stay. */
const GONE_SHOWN_MS = 3_600_000;

export function shownWorkers(workers: readonly WorkerView[], nowMs: number): readonly WorkerView[] {
  return workers.filter(({ state, sinceMs }) => state !== "gone" || nowMs - sinceMs < GONE_SHOWN_MS);
}

/** The tables of `ps`: processes, groups, modules, of those only which there are. */
export function processTables({ workers, processes, groups, modules }: Processes, nowMs: number): string[][] {
  const ago = (atMs: number | null): string => (atMs === null ? "-" : formatDuration(Math.max(0, Math.round(nowMs - atMs))));
  const rows = shownWorkers(workers, nowMs).flatMap((worker) => {
    const own = processes.filter((one) => one.worker === worker.worker);
    return own.length === 0 ? [workerRow(worker, ago)] : own.map((one) => processRow(one, worker, ago));
  });
  return [
    ...(rows.length > 0 ? [table(["WORKER", "INSTANCE", "STATE", "PID", "PORT", "RESTARTS", "SINCE", "COMMAND"], rows)] : []),
    ...(groups.length > 0
      ? [
          table(
            ["GROUP", "STATE", "WAITING", "CONTAINERS", "RUNS", "COST", "LAST"],
            groups.map((one) => groupRow(one, ago)),
          ),
        ]
      : []),
    ...(modules.length > 0
      ? [
          table(
            ["MODULE", "STATE", "SINCE", "CONTAINERS"],
            modules.map((one) => moduleRow(one, ago)),
          ),
        ]
      : []),
  ];
}

type Ago = (atMs: number | null) => string;

function workerRow({ worker, state, sinceMs }: WorkerView, ago: Ago): string[] {
  return [worker, "-", `worker ${state}`, "-", "-", "-", ago(sinceMs), ""];
}

function processRow({ worker, instance, linked, asOfMs, status }: ProcessView, { state }: WorkerView, ago: Ago): string[] {
  const known = linked ? stateText(status) : `worker ${state}; ${stateText(status)} ${ago(asOfMs)} ago`;
  return [
    worker,
    instance,
    known,
    linked && status.pid !== null ? String(status.pid) : "-",
    status.port === null ? "-" : String(status.port),
    String(status.restarts),
    ago(status.sinceMs),
    status.argv.join(" ").replaceAll(/\s+/g, " ").slice(0, 60),
  ];
}

function groupRow({ folder, live, runs, costUSD, lastRunAtMs }: GroupView, ago: Ago): string[] {
  const state = live === null ? "not served" : live.run === null ? "idle" : `run ${live.run.slice(0, 8)}`;
  return [
    folder,
    state,
    live === null ? "-" : String(live.waiting),
    live === null ? "-" : String(live.containers),
    String(runs),
    `$${costUSD.toFixed(4)}`,
    lastRunAtMs === null ? "-" : `${ago(lastRunAtMs)} ago`,
  ];
}

function moduleRow({ module, state, sinceMs, containers }: ModuleView, ago: Ago): string[] {
  return [module, state, ago(sinceMs), containers.map(({ name, running }) => `${name}${running ? "" : " (ended)"}`).join(", ")];
}
