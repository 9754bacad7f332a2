import type { Command } from "commander";
import { NovaError, quote } from "../model/errors.ts";
import type { CLIContext } from "./context.ts";
import { useWorkers } from "./worker-session.ts";

interface StopOptions {
  readonly remove?: boolean;
  readonly removeData?: string;
  readonly json?: boolean;
}

export function addWorkerStopCommand(worker: Command, context: CLIContext): void {
  worker
    .command("stop")
    .description("End a worker's processes in their order, and its container. It can be started again as it was.")
    .argument("<name>", "the worker")
    .option("--remove", "forget it, too: its settings and its token; its directories stay")
    .option(
      "--remove-data <name>",
      "remove its records as well (data/workers/NAME in the home); the name once more, so that none goes by mistake",
    )
    .option("--json", "print JSON")
    .action(async (name: string, options: StopOptions, command: Command) => {
      if (options.removeData !== undefined && options.removeData !== name)
        throw new NovaError("USAGE", `--remove-data is ${quote(options.removeData)}, and the worker is ${quote(name)}.`, {
          place: "--remove-data",
          next: "Write the worker's own name.",
        });
      const { stopWorker } = await import("../host/workers/stop.ts");
      const removeData = options.removeData !== undefined;
      const { wasRunning } = await useWorkers(
        command,
        context,
        async (workers) => await stopWorker(workers, name, { forget: options.remove === true, removeData }),
      );
      if (options.json)
        return context.printJSON({ worker: name, wasRunning, forgotten: options.remove === true, dataRemoved: removeData });
      context.print(wasRunning ? `${name} is stopped.` : `${name} did not run.`);
      if (removeData) context.print("Its records are removed.");
      if (options.remove) context.print("It is forgotten.");
    });
}
