import type { Command } from "commander";
import { findEngine } from "../host/engines/find.ts";
import type { CLIContext } from "./context.ts";
import { openChosenHome, useInstallation } from "./session.ts";

export function addCleanCommand(program: Command, context: CLIContext): void {
  program
    .command("clean")
    .description(
      "Remove this home's containers that no living host owns, and old records. Every command that starts containers does so too.",
    )
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean }, command: Command) => {
      const home = await openChosenHome(command, context, false);
      const engine = await findEngine(context.env);
      const cleaned = await useInstallation(home, engine, context, async (installation) => await installation.cleanUp());
      if (options.json) return context.printJSON(cleaned);
      for (const name of cleaned.containers) context.print(`removed ${name}`);
      context.print(
        `${cleaned.containers.length} container(s), ${cleaned.hosts} dead host(s) and ${cleaned.records} old record(s) removed.`,
      );
    });
}
