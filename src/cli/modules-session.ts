import { type Command, Option } from "commander";
import { findEngine } from "../host/engines/find.ts";
import type { Modules, ModulesView, OpenModulesOptions } from "../host/modules/modules.ts";
import type { CLIContext } from "./context.ts";
import { visible } from "./output.ts";
import { openChosenHome } from "./session.ts";

/** Whose secrets and env file; each module remembers those that it came up with. */
export function environmentOption(): Option {
  return new Option("--env <name>", "whose secrets and env file; without it those of the last `up`, at first local").choices([
    "local",
    "prod",
  ]);
}

/** Opens the home's modules on the engine that answers, with the Compose program that changes them. */
export async function openChosenModules(command: Command, context: CLIContext): Promise<Modules> {
  // Loaded here, as the change itself is: reading Compose files and secrets would cost every command's start.
  const { openModules } = await import("../host/modules/modules.ts");
  return await openModules(await optionsFor(command, context));
}

/** The same for who only looks, which needs no Compose program. */
export async function viewChosenModules(command: Command, context: CLIContext): Promise<ModulesView> {
  const { viewModules } = await import("../host/modules/modules.ts");
  return await viewModules(await optionsFor(command, context));
}

async function optionsFor(command: Command, context: CLIContext): Promise<OpenModulesOptions> {
  return {
    home: await openChosenHome(command, context, false),
    engine: await findEngine(context.env),
    env: context.env,
    say: (line) => context.note(visible(line)),
    progress: (line) => {
      if (context.env["LOG_LEVEL"] === "debug") context.note(visible(line));
    },
  };
}
