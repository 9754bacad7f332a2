import type { Command } from "commander";
import { given } from "../model/option-values.ts";
import type { TerminalDial } from "../workers/terminal/dial.ts";
import type { CLIContext } from "./context.ts";
import { type Place, parsePlace } from "./orchestrator-place.ts";
import { openOrchestratorClient } from "./orchestrator-session.ts";
import { checkReadonly, showTerminal } from "./terminal-screen.ts";

interface AttachOptions {
  readonly readonly?: boolean;
  readonly session?: string;
  readonly record?: boolean;
}

export function addAttachCommand(program: Command, context: CLIContext): void {
  program
    .command("attach")
    .description(
      "Open a terminal in a worker through the orchestrator, which writes down who was there. After Enter, ~. leaves it and lets it run; the shell's exit status becomes this one's.",
    )
    .argument("<place>", "WORKER, or WORKER/INSTANCE for that process's environment and directory", parsePlace)
    .option("--readonly", "only look, at the session that is named")
    .option("--session <id>", "a session that was left, or somebody else's, to look at it together")
    .option("--record", "have the orchestrator keep what is shown, as an asciicast")
    .action(async (place: Place, options: AttachOptions, command: Command) => {
      checkReadonly(options);
      const client = await openOrchestratorClient(command, context);
      const { readonly, session, record } = options;
      const dial: TerminalDial = (request, listener, signal) =>
        client.terminal(place.worker, { ...request, ...given({ record }) }, listener, signal);
      const again = (left: string): string => `novabot attach ${place.worker} --session ${left}`;
      await showTerminal(dial, given({ instance: place.instance, readonly, session }), again, context);
    });
}
