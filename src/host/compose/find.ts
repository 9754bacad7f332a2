import { delimiter, join } from "node:path";
import { accessSync, constants } from "node:fs";
import { NovaError, quote } from "../../model/errors.ts";
import type { ComposeFlavour } from "../../model/compose-flavour.ts";
import { type Distribution, readDistribution } from "../machine/distribution.ts";
import { findProgram, lastLines, runProgram, withSystemPath } from "../machine/program.ts";
import type { Environment } from "../state.ts";
import { broughtCompose, broughtDirectory } from "./brought.ts";
import { type ComposeEngine, composeEnvironment, type ComposeProgram, parseComposeVersion } from "./program.ts";

/** A way to run Compose that may be there. */
interface Candidate {
  /** As a person would type it. */
  readonly name: string;
  readonly argv: readonly string[];
  /** What it must turn out to be; another one under this name does not count. */
  readonly flavours: readonly ComposeFlavour[];
}

const ANSWER_MS = 30_000;

export interface FindComposeOptions {
  readonly distribution?: Distribution;
}

/**
 * The Compose program to use with `engine`, the first of those that answer: for Docker `docker compose`, `docker-compose` (a newer one before the old
 * Python one), the one that set-up brought; for Podman `podman compose`, Compose v2 on Podman's socket, `podman-compose`. `NOVABOT_COMPOSE` names
 * one and leaves out all others. Rejects with `COMPOSE_NOT_FOUND`, which tells why each did not serve.
 */
export async function findCompose(
  engine: ComposeEngine,
  env: Environment,
  options: FindComposeOptions = {},
): Promise<ComposeProgram> {
  if (engine.name === "apple") {
    throw new NovaError("COMPOSE_NOT_FOUND", "No Compose speaks to Apple Container.", {
      next: "Use Docker or Podman for modules.",
    });
  }
  const reasons: string[] = [];
  const environment = composeEnvironment(env, engine);
  for (const candidate of await candidates(engine, env, reasons, options)) {
    const found = await ask(candidate, environment, reasons);
    if (found) return found;
  }
  throw new NovaError("COMPOSE_NOT_FOUND", `No Compose program serves.\n${reasons.map((reason) => `  ${reason}`).join("\n")}`, {
    next: env["NOVABOT_COMPOSE"]
      ? "Mend NOVABOT_COMPOSE, or unset it."
      : "Run `novabot setup`, which brings one, or install Docker Compose.",
    facts: { candidates: reasons },
  });
}

async function candidates(
  engine: ComposeEngine,
  env: Environment,
  reasons: string[],
  options: FindComposeOptions,
): Promise<Candidate[]> {
  const any: readonly ComposeFlavour[] = ["compose-v2", "compose-v1", "podman-compose"];
  const named = env["NOVABOT_COMPOSE"];
  if (named) {
    const path = named.includes("/") ? named : findProgram(named, env);
    if (path === undefined || !isExecutable(path)) {
      reasons.push(`NOVABOT_COMPOSE: ${quote(named)} is no program`);
      return [];
    }
    return [{ name: named, argv: [path], flavours: any }];
  }
  const found: Candidate[] = [];
  const offer = (name: string, paths: readonly string[], args: readonly string[], flavours: readonly ComposeFlavour[]): void => {
    if (paths.length === 0) reasons.push(`${name}: there is no program ${name.split(" ")[0]} on the PATH`);
    for (const path of paths)
      found.push({ name: paths.length > 1 ? `${name} (${path})` : name, argv: [path, ...args], flavours });
  };
  const standalone = allPrograms("docker-compose", env);
  const brought = broughtCompose(options.distribution ?? (await readDistribution()), broughtDirectory(env));
  const offerBrought = (): void => {
    if (brought === undefined) reasons.push(`novabot setup: it has brought none into ${broughtDirectory(env)}`);
    else found.push({ name: brought, argv: [brought], flavours: ["compose-v2"] });
  };
  if (engine.name === "podman") {
    offer("podman compose", programs("podman", env), ["compose"], any);
    offer("docker-compose", standalone, [], ["compose-v2"]);
    offerBrought();
    offer("podman-compose", programs("podman-compose", env), [], ["podman-compose"]);
    return found;
  }
  offer("docker compose", programs("docker", env), ["compose"], ["compose-v2"]);
  offer("docker-compose", standalone, [], ["compose-v2"]);
  for (const path of standalone) found.push({ name: `docker-compose (${path})`, argv: [path], flavours: ["compose-v1"] });
  offerBrought();
  return found;
}

async function ask(candidate: Candidate, env: Environment, reasons: string[]): Promise<ComposeProgram | undefined> {
  const { name, argv, flavours } = candidate;
  const result = await runProgram([...argv, "version"], { env: withSystemPath(env), cwd: "/", timeoutMs: ANSWER_MS });
  if (result.exitCode !== 0) {
    const said = lastLines(result.tail, 1).trim();
    const how = result.exitCode === null ? "it did not answer" : `exit status ${result.exitCode}`;
    reasons.push(`${name}: ${how}${said === "" ? "" : `: ${said}`}`);
    return undefined;
  }
  const answer = parseComposeVersion(result.stdout);
  if (answer === undefined) {
    reasons.push(`${name}: its answer to \`version\` is not one of Compose: ${quote(result.stdout.trim(), 80)}`);
    return undefined;
  }
  if (!flavours.includes(answer.flavour)) {
    if (answer.flavour !== "compose-v2") reasons.push(`${name}: it is ${answer.flavour} ${answer.version}`);
    return undefined;
  }
  return { ...answer, argv, env: withSystemPath(env) };
}

function programs(name: string, env: Environment): string[] {
  const path = findProgram(name, env);
  return path === undefined ? [] : [path];
}

/** Every program of that name on the PATH, each directory once: an old one may stand before a new one. */
function allPrograms(name: string, env: Environment): string[] {
  const directories = new Set(withSystemPath(env).PATH.split(delimiter));
  return [...directories]
    .filter((directory) => directory.startsWith("/"))
    .map((directory) => join(directory, name))
    .filter(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
