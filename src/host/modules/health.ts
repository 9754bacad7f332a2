import { setTimeout as delay } from "node:timers/promises";
import type { ContractModule } from "../../contract/declaration/contract.ts";
import type { Engine } from "../../engine/engine.ts";
import { NovaError } from "../../model/errors.ts";
import { containersOf, type ModuleContainer } from "./containers.ts";
import type { ModuleProject } from "./project.ts";

export interface HealthWait {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const LOOK_AGAIN_MS = 300;
const UNANSWERED = "its health check does not answer";
/** A container that its engine has restarted this often since it began does not come up. */
const MOST_RESTARTS = 2;

/**
 * Resolves with the module's containers when the contract's service is healthy. The container's own health check is asked at once, where the engine
 * would wait for its interval; without one, the contract's endpoint is. Rejects with `MODULE_FAILED` when it ends, restarts, turns unhealthy or takes too long.
 */
export async function waitForHealth(engine: Engine, project: ModuleProject, wait: HealthWait): Promise<ModuleContainer[]> {
  const over = new AbortController();
  try {
    return await look(engine, project, wait, AbortSignal.any([wait.signal, over.signal]));
  } finally {
    // A question that was never answered must not keep this process.
    over.abort();
  }
}

async function look(engine: Engine, project: ModuleProject, wait: HealthWait, signal: AbortSignal): Promise<ModuleContainer[]> {
  const { module } = project;
  const end = performance.now() + wait.timeoutMs;
  let last = "it has no container";
  let asked: { readonly of: string; readonly answer: Promise<string | undefined> } | undefined;
  for (;;) {
    wait.signal.throwIfAborted();
    const containers = await containersOf(engine, project);
    const container = containers.find(({ service }) => service === module.service);
    if (container) {
      const broken = whyBroken(container);
      if (broken !== undefined) throw failed(module, broken);
      const of = `${container.id} ${container.startedAtMs}`;
      if (!container.running) last = "it does not run yet";
      else {
        // One question at a time: a check that hangs is not asked again, and holds up neither the time limit nor Ctrl-C.
        if (container.health?.status === "healthy") return containers;
        if (asked?.of !== of) {
          asked = { of, answer: askHealth(engine, container, module, signal) };
          asked.answer.catch(() => undefined);
        }
        const pending = delay(LOOK_AGAIN_MS, UNANSWERED, { signal }).catch(() => UNANSWERED);
        const problem = await Promise.race([asked.answer, pending]);
        if (problem === undefined) return containers;
        if (problem !== UNANSWERED) asked = undefined;
        last = problem;
      }
    }
    if (performance.now() >= end && !wait.signal.aborted)
      throw failed(module, `it was not healthy after ${Math.round(wait.timeoutMs / 1000)} seconds: ${last}`);
    await delay(LOOK_AGAIN_MS, undefined, { signal: wait.signal }).catch(() => undefined);
  }
}

function whyBroken({ running, startedAtMs, exitCode, restarts, health, restartPolicy }: ModuleContainer): string | undefined {
  if (restarts >= MOST_RESTARTS)
    return `its container ends and is started again and again (exit status ${exitCode ?? "unknown"})`;
  if (!running && startedAtMs !== null && !/^(always|unless-stopped|on-failure)/.test(restartPolicy)) {
    return `its container ended with exit status ${exitCode ?? "unknown"}`;
  }
  if (health?.status === "unhealthy")
    return `its health check fails: ${health.log.at(-1)?.output.trim().slice(0, 300) || "without a word"}`;
  return undefined;
}

/** What stands against the module's health, asked now: by its container's own check, else at the contract's endpoint. Undefined where nothing does. */
export async function askHealth(
  engine: Engine,
  container: ModuleContainer,
  module: ContractModule,
  signal: AbortSignal,
): Promise<string | undefined> {
  const [kind, ...rest] = container.healthcheck ?? [];
  if (kind === "CMD" || kind === "CMD-SHELL") {
    const argv = kind === "CMD" ? rest : ["/bin/sh", "-c", rest.join(" ")];
    try {
      const { exitCode, stdout, stderr } = await engine.exec(container.id, argv, { signal });
      return exitCode === 0
        ? undefined
        : `its health check gives ${exitCode} ${`${stdout}${stderr}`.trim().slice(0, 300)}`.trim();
    } catch (error) {
      if (error instanceof NovaError && error.code === "ENGINE_LOST") throw error;
      return `its health check cannot be asked: ${String(error)}`;
    }
  }
  const { port, health } = module;
  if (!port || !health) return undefined;
  const url = `http://${port.address.includes(":") ? `[${port.address}]` : port.address}:${port.host}${health.path}`;
  try {
    const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]), redirect: "manual" });
    return answer.ok ? undefined : `${url} answers ${answer.status}`;
  } catch {
    return `${url} does not answer`;
  }
}

function failed(module: ContractModule, reason: string): NovaError {
  return new NovaError("MODULE_FAILED", `The module ${module.name} did not come up: ${reason}.`, { place: module.folder });
}
