import { type Command, Option } from "commander";
import { findEngine } from "../host/engines/find.ts";
import type { Modules } from "../host/modules/modules.ts";
import type { CLIContext } from "./context.ts";
import { visible } from "./output.ts";
import { openChosenHome } from "./session.ts";

/** Whose secrets and env file. */
export function environmentOption(): Option {
  return new Option("--env <name>", "whose secrets and env file").choices(["local", "prod"]).default("local");
}

/** Opens the home's modules on the engine that answers. */
export async function openChosenModules(command: Command, context: CLIContext): Promise<Modules> {
  // Loaded here, as the change itself is: reading Compose files and secrets would cost every command's start.
  const { openModules } = await import("../host/modules/modules.ts");
  const home = await openChosenHome(command, context, false);
  const progress = (line: string): void => {
    if (context.env["LOG_LEVEL"] === "debug") context.note(visible(line));
  };
  const say = (line: string): void => context.note(visible(line));
  return await openModules({ home, engine: await findEngine(context.env), env: context.env, say, progress });
}
