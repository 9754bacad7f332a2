import type { Command } from "commander";
import type { CLIContext } from "./context.ts";
import { visible } from "./output.ts";
import { openChosenHome } from "./session.ts";

export function addModulesAddCommand(modules: Command, context: CLIContext): void {
  modules
    .command("add")
    .description("Bring contract.yaml, modules and new secrets for them into the home; what is there stays as it is.")
    .argument("[names...]", "modules, by name or by its last part; all that NovaBot has without one")
    .option("--json", "print JSON")
    .action(async (names: string[], options: { json?: boolean }, command: Command) => {
      const { addModules } = await import("../host/modules/add.ts");
      const home = await openChosenHome(command, context, true);
      const added = await addModules(home, names, context.env);
      if (options.json) return context.printJSON({ home: home.root, ...added });
      for (const file of added.files) context.print(`added ${visible(file)}`);
      if (added.files.length === 0) context.print("Everything is there already.");
      if (added.key?.made === true) {
        context.print(`Made a key for the secrets: ${visible(added.key.from)} (keep a copy; without it they cannot be read)`);
      }
      for (const { file, names: missing } of added.toSet) {
        context.print(`To be set in ${visible(file)}: ${missing.join(", ")}`);
      }
      context.print("Next: novabot modules up");
    });
}
