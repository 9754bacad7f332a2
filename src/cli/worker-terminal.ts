import type { Command } from "commander";
import { given, parseInstance } from "../model/option-values.ts";
import type { CLIContext } from "./context.ts";
import { checkReadonly, showTerminal } from "./terminal-screen.ts";
import { openDoor, useWorkers } from "./worker-session.ts";

interface TerminalOptions {
  readonly instance?: string;
  readonly readonly?: boolean;
  readonly session?: string;
}

export function addWorkerTerminalCommand(worker: Command, context: CLIContext): void {
  worker
    .command("terminal")
    .description(
      "Open a shell in a worker. It comes back by itself when the connection drops. After Enter, ~. leaves it and lets it run; the shell's exit status becomes this one's.",
    )
    .argument("<name>", "the worker")
    .option("--instance <id>", "in this process's environment and directory", parseInstance)
    .option("--readonly", "only look, at the session that is named")
    .option("--session <id>", "a session that was left, or somebody else's, to look at it together")
    .action(async (name: string, options: TerminalOptions, command: Command) => {
      checkReadonly(options);
      const { dialTerminal } = await import("../workers/terminal/dial.ts");
      await useWorkers(command, context, async (workers) => {
        const { address } = await openDoor(workers, name);
        const { instance, readonly, session } = options;
        const again = (left: string): string => `novabot worker terminal ${name} --session ${left}`;
        await showTerminal(dialTerminal(address), given({ instance, readonly, session }), again, context);
      });
    });
}
