import { NovaError, messageOf, quote } from "../../model/errors.ts";
import { appleEngine } from "../../engine/apple/driver.ts";
import { dockerEngine } from "../../engine/docker/driver.ts";
import type { Engine, EngineInfo } from "../../engine/engine.ts";
import { podmanEngine } from "../../engine/podman/driver.ts";
import { dockerCandidates, podmanCandidates } from "./sockets.ts";
import type { Candidate } from "./sockets.ts";
import { findProgram } from "../machine/program.ts";
import type { Environment } from "../state.ts";

export const engineNames = ["docker", "podman", "apple"] as const;
export type EngineName = (typeof engineNames)[number];

/** What became of looking for one engine. */
export interface EngineReport {
  readonly name: EngineName;
  readonly ok: boolean;
  readonly engine?: Engine;
  readonly info?: EngineInfo;
  /** Where it answered. */
  readonly endpoint?: string;
  /** Why it does not serve: every place that was tried, with its own reason. */
  readonly reason?: string;
  readonly next?: string;
}

export interface LookOptions {
  readonly platform?: NodeJS.Platform;
}

/**
 * Asks every engine that could be there, in the order in which they are preferred. `NOVABOT_ENGINE` leaves only the one it names;
 * rejects with `USAGE` when it names none.
 */
export async function probeEngines(env: Environment, options: LookOptions = {}): Promise<EngineReport[]> {
  return await Promise.all(wantedEngines(env).map((name) => lookers[name](env, options.platform ?? process.platform)));
}

/** The first engine that answers. Rejects with `ENGINE_NOT_FOUND`, which tells why each did not. */
export async function findEngine(env: Environment, options: LookOptions = {}): Promise<Engine> {
  const reports: EngineReport[] = [];
  for (const name of wantedEngines(env)) {
    const report = await lookers[name](env, options.platform ?? process.platform);
    if (report.engine) return report.engine;
    reports.push(report);
  }
  throw notFound(reports);
}

function wantedEngines(env: Environment): readonly EngineName[] {
  const wanted = env["NOVABOT_ENGINE"];
  if (!wanted) return engineNames;
  const name = engineNames.find((one) => one === wanted);
  if (name) return [name];
  throw new NovaError("USAGE", `NOVABOT_ENGINE is ${quote(wanted)}, which is no engine.`, {
    place: "NOVABOT_ENGINE",
    next: `Set it to one of ${engineNames.join(", ")}, or unset it.`,
  });
}

const lookers: Readonly<Record<EngineName, (env: Environment, platform: NodeJS.Platform) => Promise<EngineReport>>> = {
  docker: (env) =>
    lookAtSockets(
      "docker",
      dockerCandidates(env),
      (socket) => dockerEngine({ socket }),
      env,
      "Start Docker, or let `novabot setup` install and start it.",
    ),
  podman: (env) =>
    lookAtSockets(
      "podman",
      podmanCandidates(env),
      (socket) => podmanEngine({ socket }),
      env,
      "Start its service: `systemctl enable --now podman.socket` (with --user for your own), or run `novabot setup`.",
    ),
  apple: lookForApple,
};

async function lookAtSockets(
  name: "docker" | "podman",
  candidates: readonly Candidate[],
  open: (socket: string) => Engine,
  env: Environment,
  start: string,
): Promise<EngineReport> {
  const reasons: string[] = [];
  let next: string | undefined;
  for (const candidate of candidates) {
    if (!("socket" in candidate)) {
      reasons.push(candidate.reason);
      next ??= candidate.next;
      continue;
    }
    try {
      let engine = open(candidate.socket);
      const info = await engine.probe();
      // Podman serves Docker's socket on many machines; what differs between them is its own driver's business.
      if (name === "docker" && info.product === "Podman") engine = podmanEngine({ socket: candidate.socket });
      return { name, ok: true, engine, info, endpoint: candidate.socket };
    } catch (error) {
      reasons.push(whyNot(candidate.socket, error));
      if (error instanceof NovaError && error.code !== "ENGINE_LOST") next ??= error.next;
    }
  }
  const installed = findProgram(name, env) ?? findProgram(`${name}d`, env);
  if (installed) reasons.unshift(`the ${name} program is there (${installed}) but no daemon answers`);
  return { name, ok: false, reason: reasons.join("; "), next: next ?? (installed ? start : "Run `novabot setup`.") };
}

async function lookForApple(env: Environment, platform: NodeJS.Platform): Promise<EngineReport> {
  if (platform !== "darwin")
    return {
      name: "apple",
      ok: false,
      reason: "Apple Container runs on macOS only",
      next: "Use Docker or Podman on this machine.",
    };
  const binary = findProgram("container", env);
  if (binary === undefined) {
    return {
      name: "apple",
      ok: false,
      reason: "there is no program `container` on the PATH",
      next: "Install Apple Container from its releases page.",
    };
  }
  const engine = appleEngine({ binary });
  try {
    const info = await engine.probe();
    return { name: "apple", ok: true, engine, info, endpoint: binary };
  } catch (error) {
    const next = error instanceof NovaError ? error.next : undefined;
    return { name: "apple", ok: false, reason: messageOf(error), next: next ?? "Run `container system start`." };
  }
}

function whyNot(socket: string, error: unknown): string {
  const code = error instanceof NovaError ? error.facts["code"] : undefined;
  if (code === "ENOENT") return `${socket}: no such socket`;
  if (code === "ECONNREFUSED") return `${socket}: the socket is there and nobody listens`;
  if (code === "EACCES" || code === "EPERM") return `${socket}: this user may not open it`;
  return `${socket}: ${messageOf(error)}`;
}

function notFound(reports: readonly EngineReport[]): NovaError {
  const lines = reports.map((report) => `  ${report.name}: ${report.reason}.\n    ${report.next}`);
  return new NovaError("ENGINE_NOT_FOUND", `No container engine answers.\n${lines.join("\n")}`, {
    next: "Run `novabot setup`, which starts an engine or says what to install; `novabot doctor` looks again.",
    facts: { engines: reports.map(({ name, reason, next }) => ({ name, reason, next })) },
  });
}
