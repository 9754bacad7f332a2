import type { Command } from "commander";
import { environmentNamed, secretsTarget, type SecretsTarget } from "../host/secrets/project.ts";
import { findIdentities, type Identities } from "../secrets/age/identities.ts";
import type { CLIContext } from "./context.ts";
import { visible } from "./output.ts";
import { chosenHomePath } from "./home-path.ts";

export interface TargetOptions {
  readonly env: string;
}

/** A command of `secrets` that works on one file. */
export function command(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .argument("<target>", "a module of the contract, or the path of an encrypted .env file")
    .option("--env <name>", "which of a module's files: local or prod", "local");
}

export async function chosenTarget(
  target: string,
  options: TargetOptions,
  self: Command,
  context: CLIContext,
): Promise<SecretsTarget> {
  return await secretsTarget(target, environmentNamed(options.env), process.cwd(), chosenHomePath(self, context));
}

/** The keys that are there; what their owner should know goes to stderr. */
export async function identitiesOf(context: CLIContext): Promise<Identities> {
  const identities = await findIdentities(context.env);
  for (const warning of identities.warnings) context.note(`warning ${visible(warning)}`);
  return identities;
}

/** A secret that was asked for: exactly its bytes, but at a terminal what a person can read, with a line break. */
export function printSecret(context: CLIContext, text: string): void {
  const isTerminal = "isTTY" in context.stdout && context.stdout.isTTY === true;
  context.stdout.write(isTerminal ? `${visible(text)}${text.endsWith("\n") ? "" : "\n"}` : text);
}
