import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "../../engine/engine.ts";
import { withFileLock } from "../../agents/turns/file-lock.ts";
import { NovaError } from "../../model/errors.ts";
import { findEngine } from "../engines/find.ts";
import { privateDockerPaths, stateDirectory, type Environment } from "../state.ts";
import { installAdvice } from "./advice.ts";
import { aptCommand, installPackages } from "../machine/apt.ts";
import { type Distribution, readDistribution } from "../machine/distribution.ts";
import { findProgram } from "../machine/program.ts";
import { startPrivateEngine } from "./private-docker.ts";

export { isPrivateEngineRunning, stopPrivateEngine } from "./private-docker.ts";

export interface SetUpOptions {
  /** False forbids installing packages; an engine that is installed is started all the same. */
  readonly install: boolean;
  say(line: string): void;
  readonly platform?: string;
  readonly uid?: number;
  readonly distribution?: Distribution;
  /** How an engine that answers is found. */
  readonly find?: (env: Environment) => Promise<Engine>;
  /** Where the daemon's program is; undefined when it is not installed. */
  readonly findDaemon?: (env: Environment) => string | undefined;
}

/** The engine that answers, or undefined when none does. */
async function seek(
  env: Environment,
  find: (env: Environment) => Promise<Engine>,
): Promise<{ engine?: Engine; reason?: NovaError }> {
  try {
    return { engine: await find(env) };
  } catch (error) {
    if (error instanceof NovaError && error.code === "ENGINE_NOT_FOUND") return { reason: error };
    throw error;
  }
}

function refuse(message: string, next: string, reason: NovaError | undefined): never {
  throw new NovaError("SETUP_REFUSED", reason ? `${message}\n${reason.message}` : message, {
    next,
    ...(reason ? { cause: reason } : {}),
  });
}

/**
 * Docker's packages; AppArmor's too where the kernel enforces it, because no container starts without its profile, and `umount`
 * where a small Debian leaves it out.
 */
export function dockerPackages(env: Environment): string[] {
  const needsAppArmor = existsSync("/sys/kernel/security/apparmor") && findProgram("apparmor_parser", env) === undefined;
  const needsMount = findProgram("umount", env) === undefined;
  return ["docker.io", "iptables", "ca-certificates", ...(needsAppArmor ? ["apparmor"] : []), ...(needsMount ? ["mount"] : [])];
}

/**
 * An engine that answers. Where none does, a private Docker daemon with its own socket and data is started, for which root
 * on Debian or Ubuntu first installs Docker's packages. Several at once wait for the first. Rejects with `SETUP_REFUSED` and
 * what to type where this machine needs its owner, with `SETUP_FAILED` when installing or starting goes wrong.
 */
export async function setUp(env: Environment, options: SetUpOptions): Promise<Engine> {
  const find = options.find ?? findEngine;
  const platform = options.platform ?? process.platform;
  const uid = options.uid ?? process.getuid?.() ?? -1;
  const first = await seek(env, find);
  if (first.engine) return first.engine;
  const distribution = options.distribution ?? (await readDistribution());
  const findDaemon = options.findDaemon ?? ((environment: Environment) => findProgram("dockerd", environment));

  const named = ["NOVABOT_ENGINE", "DOCKER_HOST"].find((name) => env[name] && env[name] !== "docker");
  if (named)
    refuse(
      `${named} is ${env[named]}, and that does not answer.`,
      `Start it, or unset ${named} to let NovaBot choose.`,
      first.reason,
    );
  if (platform !== "linux") refuse("No container engine answers.", installAdvice(platform, distribution), first.reason);
  if (uid !== 0) {
    const advice = distribution.isDebian
      ? `Run \`sudo novabot setup\`, or: sudo sh -c '${aptCommand(dockerPackages(env))}' and \`sudo usermod -aG docker $USER\`, then log in again.`
      : installAdvice(platform, distribution);
    refuse("No container engine answers, and setting one up needs root.", advice, first.reason);
  }
  if (!distribution.isDebian && findDaemon(env) === undefined) {
    refuse("No container engine answers.", installAdvice(platform, distribution), first.reason);
  }
  const state = stateDirectory(env, uid);
  await mkdir(state, { recursive: true });
  return await withFileLock(
    join(state, "setup.lock"),
    () => options.say("Another set-up is at work on this machine; waiting for it."),
    async () => {
      const again = await seek(env, find);
      if (again.engine) return again.engine;
      if (findDaemon(env) === undefined) {
        await installPackages(dockerPackages(env), "because no container engine answers", { ...options, env });
        const system = await afterInstall(env, find);
        if (system) return system;
      }
      const dockerd = findDaemon(env);
      if (dockerd === undefined)
        refuse("Docker was installed, but there is no dockerd.", "Install Docker or Podman by hand.", first.reason);
      options.say(`Starting a private Docker daemon in ${privateDockerPaths(env).directory}.`);
      await startPrivateEngine(env, dockerd, options.say);
      return await find(env);
    },
  );
}

/** The system's own daemon, which its package starts on a machine with systemd. */
async function afterInstall(env: Environment, find: (env: Environment) => Promise<Engine>): Promise<Engine | undefined> {
  const end = performance.now() + (existsSync("/run/systemd/system") || existsSync("/var/run/docker.pid") ? 15_000 : 0);
  for (;;) {
    const { engine } = await seek(env, find);
    if (engine || performance.now() >= end) return engine;
    await delay(250);
  }
}
