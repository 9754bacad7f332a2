import { realpathSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { packageRoot } from "../host/package-root.ts";
import type { Service } from "../host/systemd/unit-of-home.ts";
import type { CLIContext } from "./context.ts";
import { visible } from "./output.ts";
import { openChosenHome } from "./session.ts";

/** What starts NovaBot wherever and by whomever it is called: this Node, and the package's own command. */
function ownCommand(): string[] {
  return [process.execPath, join(realpathSync(packageRoot()), "bin/novabot.cjs")];
}

async function chosenService(command: Command, context: CLIContext, create: boolean): Promise<Service> {
  const { openService } = await import("../host/systemd/unit-of-home.ts");
  return openService({ home: await openChosenHome(command, context, create), env: context.env, command: ownCommand() });
}

export function addServiceCommand(program: Command, context: CLIContext): void {
  const service = program
    .command("service")
    .description("`novabot up` as a service of systemd: root's is the machine's, anybody else's their own.");
  service
    .command("install")
    .description("Start it now, and with the machine; after a change of the environment or of NovaBot's place once more.")
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean }, command: Command) => {
      const own = await chosenService(command, context, true);
      const { isNew, url } = await own.install();
      const { name, path } = own;
      if (options.json) return context.printJSON({ name, path, installed: isNew, url });
      const how = url === null ? "still starts" : `is up at ${visible(url)}`;
      context.print(`${name} ${isNew ? "is installed" : "was installed"} and ${how} (${visible(path)}).`);
      context.note(`What it tells: ${own.journalCommand} -f`);
      if (!own.lingers) context.note("It ends when you log out, unless root lets it stay: loginctl enable-linger");
    });
  service
    .command("uninstall")
    .description("Stop it and take its unit away.")
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean }, command: Command) => {
      const own = await chosenService(command, context, false);
      const wasInstalled = own.isInstalled();
      await own.uninstall();
      if (options.json) context.printJSON({ name: own.name, path: own.path, removed: wasInstalled });
      else context.print(wasInstalled ? `${own.name} is stopped and gone.` : `${own.name} was not installed.`);
    });
  service
    .command("status")
    .description("Whether it is installed, and how it is.")
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean }, command: Command) => {
      const own = await chosenService(command, context, false);
      const installed = own.isInstalled();
      const state = installed ? await own.state() : null;
      if (options.json) context.printJSON({ name: own.name, path: own.path, installed, state });
      else context.print(installed ? `${own.name} is ${state} (${visible(own.path)}).` : `${own.name} is not installed.`);
    });
  service
    .command("print")
    .description("The unit, without installing it.")
    .action(async (_options: object, command: Command) => {
      context.print((await chosenService(command, context, false)).text.trimEnd());
    });
}
