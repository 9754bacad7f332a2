import type { Command } from "commander";
import { visible } from "../model/visible.ts";
import type { CLIContext } from "./context.ts";
import { useWorkers } from "./worker-session.ts";

export function addWorkerExecCommand(worker: Command, context: CLIContext): void {
  worker
    .command("exec")
    .description("Run a command in a worker, beside its processes and as its user; its exit status becomes this one's.")
    .argument("<name>", "the worker")
    .argument("<command...>", "after --: the program and its arguments")
    .action(async (name: string, argv: readonly string[], _: object, command: Command) => {
      await useWorkers(command, context, async (workers) => {
        const { findWorker } = await import("../host/workers/worker-files.ts");
        const { runningContainer } = await import("../host/workers/workers.ts");
        const container = await runningContainer(workers, await findWorker(workers.home, name));
        const print = { stdout: printer(context.stdout), stderr: printer(context.stderr) };
        const { exitCode } = await workers.engine.exec(container.id, argv, {
          signal: context.outputClosed,
          onOutput: (stream, bytes) => print[stream](bytes),
        });
        context.setExitCode(exitCode);
      });
    });
}

/** Byte for byte into a pipe or file, harmless on a terminal: for a program that draws there is `worker terminal`. */
function printer(out: CLIContext["stdout"]): (bytes: Uint8Array) => void {
  if (!("isTTY" in out && out.isTTY === true)) return (bytes) => void out.write(bytes);
  const decoder = new TextDecoder();
  return (bytes) => void out.write(visible(decoder.decode(bytes, { stream: true })));
}
