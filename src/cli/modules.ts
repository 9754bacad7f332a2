import type { Command } from "commander";
import type { CLIContext } from "./context.ts";
import { addModulesAddCommand } from "./modules-add.ts";
import { addModulesDownCommand, addModulesRestartCommand, addModulesUpCommand } from "./modules-change.ts";
import { addModulesLogsCommand, addModulesStatusCommand } from "./modules-look.ts";

export function addModulesCommand(program: Command, context: CLIContext): void {
  const modules = program.command("modules").description("Long-running services of the home that keep the contract.");
  addModulesAddCommand(modules, context);
  addModulesUpCommand(modules, context);
  addModulesDownCommand(modules, context);
  addModulesRestartCommand(modules, context);
  addModulesStatusCommand(modules, context);
  addModulesLogsCommand(modules, context);
}
