import type { ComposeFlavour } from "../../model/compose-flavour.ts";
import type { ComposeProgram } from "./program.ts";

/** The project that a Compose command is about. */
export interface ComposeSelection {
  readonly project: string;
  /** Absolute; relative paths of the files begin here. */
  readonly directory: string;
  /** Absolute. */
  readonly files: readonly string[];
}

/** The whole command line of a Compose command; pure. */
export function composeArguments(
  { argv, flavour }: Pick<ComposeProgram, "argv" | "flavour">,
  { project, directory, files }: ComposeSelection,
  command: readonly string[],
): string[] {
  // podman-compose takes the first file's directory, and knows no other.
  const where = flavour === "podman-compose" ? [] : ["--project-directory", directory];
  return [...argv, ...where, "-p", project, ...files.flatMap((file) => ["-f", file]), ...command];
}

/** Creates and starts what is not as the files say, in the background; everything when `recreate`. Builds nothing. */
export function upCommand(recreate: boolean): string[] {
  return ["up", "-d", "--no-build", ...(recreate ? ["--force-recreate"] : [])];
}

/** Stops and removes the project's containers; volumes stay, and networks that are not the project's own. */
export function downCommand(graceSeconds: number): string[] {
  return ["down", "-t", String(graceSeconds)];
}

/** What the containers wrote: their last `tail` lines or all, and what they write from then on. */
export function logsCommand(flavour: ComposeFlavour, tail: number | undefined, follow: boolean): string[] {
  const plain = { "compose-v2": ["--no-color", "--no-log-prefix"], "compose-v1": ["--no-color"], "podman-compose": [] }[flavour];
  return ["logs", ...plain, ...(follow ? ["-f"] : []), ...(tail === undefined ? [] : ["--tail", String(tail)])];
}
