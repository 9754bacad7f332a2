import type { Command } from "commander";
import pc from "picocolors";
import type { WorkerView } from "../host/workers/list.ts";
import type { InstanceStatus } from "../model/instance.ts";
import type { CLIContext } from "./context.ts";
import { formatDuration, table, visible } from "./output.ts";
import { useWorkers } from "./worker-session.ts";

export function addWorkerListCommand(worker: Command, context: CLIContext): void {
  worker
    .command("list")
    .description("List the home's workers: whether they run, what runs in them, and whether their doors work.")
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean }, command: Command) => {
      const { listWorkers } = await import("../host/workers/list.ts");
      const views = await useWorkers(command, context, listWorkers);
      if (views.some(({ worker: kept }) => kept === null)) context.setExitCode(2);
      if (options.json) return context.printJSON(views.map(document));
      if (views.length === 0) return context.print("No workers. Start one: `novabot worker start NAME -- CMD…`.");
      const rows = views.map((view) => [
        view.name,
        view.state,
        view.instances.length === 0 ? "-" : view.instances.map(instanceText).join(", "),
        healthText(view),
        view.door ?? "-",
        view.worker?.settings.image ?? "-",
      ]);
      for (const line of table(["WORKER", "STATE", "INSTANCES", "HEALTH", "DOOR", "IMAGE"], rows)) context.print(line);
      for (const { name, trouble, health } of views) {
        if (trouble !== null) context.note(`${pc.yellow("note")} ${name}: ${visible(trouble)}`);
        for (const [door, { reason }] of Object.entries(health ?? {}))
          if (reason !== null) context.note(`${pc.yellow("note")} ${name}: /health/${door}: ${visible(reason)}`);
      }
    });
}

function instanceText({ id, state, ready, crashLoop, restarts, sinceMs }: InstanceStatus): string {
  const words = crashLoop ? "crash loop" : state === "running" && !ready ? "running, not ready" : state;
  const since = formatDuration(Math.max(0, Date.now() - sinceMs));
  return `${id} ${words} ${since}${restarts > 0 ? ` (${restarts} ${restarts === 1 ? "restart" : "restarts"})` : ""}`;
}

function healthText({ health, state }: WorkerView): string {
  if (!health) return state === "running" ? "unknown" : "-";
  const sick = Object.entries(health).flatMap(([door, { healthy }]) => (healthy ? [] : [door]));
  return sick.length === 0 ? "healthy" : `unhealthy: ${sick.join(", ")}`;
}

function document({ worker, ...view }: WorkerView): unknown {
  const { token: _, ...shown } = worker ?? { token: null };
  return { ...shown, ...view };
}
