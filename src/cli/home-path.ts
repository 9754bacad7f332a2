import type { Command } from "commander";
import { homePath } from "../host/home-path.ts";
import type { CLIContext } from "./context.ts";

/** `--home` as given anywhere on the command line. */
export function chosenHomePath(command: Command, context: CLIContext): string {
  const { home } = command.optsWithGlobals<{ home?: string }>();
  return homePath(context.env, home);
}
