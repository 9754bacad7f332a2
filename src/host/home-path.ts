import { homedir } from "node:os";
import { join } from "node:path";
import { NovaError } from "../model/errors.ts";
import type { Environment } from "./state.ts";

/** The home's path: `--home`, `NOVABOT_HOME`, or `~/novabot`. */
export function homePath(env: Environment, option?: string): string {
  if (option === "") throw new NovaError("USAGE", "The home is an empty text.", { place: "--home", next: "Name a directory." });
  return option ?? (env["NOVABOT_HOME"] || join(env["HOME"] || homedir(), "novabot"));
}
