import { type Command, Option } from "commander";
import { parseInstance, parseInstances } from "../../model/option-values.ts";

const formats = ["table", "json", "raw"] as const;
export type Format = (typeof formats)[number];

export function addFormat(command: Command): Command {
  return command.addOption(
    new Option("--format <format>", "for people, for programs, or the bare content").choices(formats).default("table"),
  );
}

/** The one instance that a command is about. */
export function addInstance(command: Command): Command {
  return command.requiredOption("-i, --instance-id <id>", "which process", parseInstance);
}

/** The instances that a command is about: all, when none is named. */
export function addInstances(command: Command): Command {
  return command.option("-i, --instance-id <ids>", "which processes, with commas between them (default: all)", parseInstances);
}
