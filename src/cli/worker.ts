import type { Command } from "commander";
import type { CLIContext } from "./context.ts";
import { addWorkerExecCommand } from "./worker-exec.ts";
import { addWorkerListCommand } from "./worker-list.ts";
import { addWorkerErrorsCommand, addWorkerLogsCommand } from "./worker-logs.ts";
import { addWorkerStartCommand } from "./worker-start.ts";
import { addWorkerStopCommand } from "./worker-stop.ts";
import { addWorkerTerminalCommand } from "./worker-terminal.ts";

export function addWorkerCommand(program: Command, context: CLIContext): void {
  const worker = program.command("worker").description("Run long-lived workers: containers with a supervisor in them.");
  addWorkerStartCommand(worker, context);
  addWorkerListCommand(worker, context);
  addWorkerStopCommand(worker, context);
  addWorkerExecCommand(worker, context);
  addWorkerTerminalCommand(worker, context);
  addWorkerLogsCommand(worker, context);
  addWorkerErrorsCommand(worker, context);
}
