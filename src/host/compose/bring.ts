import { messageOf, NovaError } from "../../model/errors.ts";
import { type Distribution, readDistribution } from "../machine/distribution.ts";
import { unpackPackages } from "../machine/unpacked-packages.ts";
import type { Environment } from "../state.ts";
import { broughtCompose, broughtDirectory, composePackage, PACKAGED_COMPOSE } from "./brought.ts";
import { findCompose } from "./find.ts";
import type { ComposeEngine, ComposeProgram } from "./program.ts";
import { join } from "node:path";

export interface BringOptions {
  readonly env: Environment;
  readonly distribution?: Distribution;
  say(line: string): void;
}

/**
 * Gives the path of a Compose v2 below `directory`, and brings it from the distribution's archive when it is not there; needs no root. Rejects
 * with `SETUP_REFUSED` on a machine that is neither Debian nor Ubuntu.
 */
export async function bringCompose(directory: string, options: BringOptions): Promise<string> {
  const distribution = options.distribution ?? (await readDistribution());
  const packages = composePackage(distribution);
  if (packages === undefined) {
    throw new NovaError(
      "SETUP_REFUSED",
      `NovaBot can bring Docker Compose on Debian and Ubuntu only, not on ${distribution.name}.`,
      {
        next: "Install Docker Compose with this system's package manager.",
      },
    );
  }
  if (broughtCompose(distribution, directory) === undefined) {
    options.say(`Bringing Docker Compose from the archive of ${packages.suite} into ${directory}.`);
  }
  return join(await unpackPackages(packages, directory, { ...options, distribution }), PACKAGED_COMPOSE);
}

/** The Compose program to use with `engine`; one that is missing is brought, which installs nothing and needs no root. Rejects as `findCompose` does. */
export async function ensureCompose(
  engine: ComposeEngine,
  env: Environment,
  say: (line: string) => void,
): Promise<ComposeProgram> {
  try {
    return await findCompose(engine, env);
  } catch (error) {
    const mayBring =
      error instanceof NovaError && error.code === "COMPOSE_NOT_FOUND" && engine.name !== "apple" && !env["NOVABOT_COMPOSE"];
    if (!mayBring) throw error;
    try {
      await bringCompose(broughtDirectory(env), { env, say });
    } catch (thrown) {
      throw new NovaError("COMPOSE_NOT_FOUND", `${error.message}\nNor can one be brought: ${messageOf(thrown)}`, {
        next: thrown instanceof NovaError ? thrown.next : error.next,
        facts: error.facts,
        cause: thrown,
      });
    }
    return await findCompose(engine, env);
  }
}
