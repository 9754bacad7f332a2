import { existsSync } from "node:fs";
import type { ContractModule } from "../../contract/declaration/contract.ts";
import { messageOf, NovaError } from "../../model/errors.ts";
import type { ModuleState } from "../../model/entry.ts";
import type { ModuleView } from "../../model/kept.ts";
import { containersOf, type ModuleContainer, strangerAmong } from "../modules/containers.ts";
import { askHealth } from "../modules/health.ts";
import { environmentOf, type ModulesView, openModule } from "../modules/modules.ts";

/** A module as it is now, before it is known since when. */
export type ModuleNow = Omit<ModuleView, "sinceMs">;

/** A health check that has not answered well for so long after a start counts as failed. */
const START_MS = 60_000;
const ASK_MS = 5000;

/**
 * What the home's modules do, by the engine's own word, and by asking where it has none: Podman without systemd never runs a health check. Those that
 * the home has not are left out. `before`: how each was the last time.
 */
export async function moduleStates(modules: ModulesView, before: ReadonlyMap<string, ModuleState>): Promise<ModuleNow[]> {
  const there = modules.contract.modules.filter((module) => module.composeFiles.some((file) => existsSync(file)));
  return await Promise.all(
    there.map(async (module) => {
      try {
        return await look(modules, module, before.get(module.name));
      } catch (error) {
        // An engine that is away is everybody's trouble; a file that cannot be read is this module's alone.
        if (error instanceof NovaError && error.code === "ENGINE_LOST") throw error;
        return { module: module.name, state: "unknown" as const, why: messageOf(error), containers: [] };
      }
    }),
  );
}

async function look(modules: ModulesView, module: ContractModule, before: ModuleState | undefined): Promise<ModuleNow> {
  const project = await openModule(modules, module, await environmentOf(modules, module, undefined));
  const found = await containersOf(modules.engine, project);
  const stranger = strangerAmong(found, project, modules.home);
  if (stranger)
    return { module: module.name, state: "unknown", why: `another directory started ${stranger.name}`, containers: [] };
  const main = found.find(({ service }) => service === module.service) ?? found[0];
  return {
    module: module.name,
    ...(main ? await stateOf(modules, module, main, before) : { state: "stopped" as const, why: "it has no container" }),
    containers: found.map(({ name, running, health }) => ({ name, running, health: health?.status ?? null })),
  };
}

type State = Pick<ModuleNow, "state" | "why">;

async function stateOf(
  { engine }: ModulesView,
  module: ContractModule,
  container: ModuleContainer,
  before: ModuleState | undefined,
): Promise<State> {
  const { running, health, exitCode, startedAtMs } = container;
  if (!running)
    return {
      state: "stopped",
      why: startedAtMs === null ? "its container never ran" : `its container ended with ${exitCode ?? "no exit status"}`,
    };
  const said = health?.log.at(-1)?.output.trim().split("\n", 1)[0]?.slice(0, 300);
  if (health?.status === "healthy") return { state: "healthy", why: "its health check answers" };
  if (health?.status === "unhealthy") return { state: "unhealthy", why: `its health check fails${said ? `: ${said}` : ""}` };
  if (!health && !module.health) return { state: "unknown", why: "it runs, and has no health check" };
  const problem = await askHealth(engine, container, module, AbortSignal.timeout(ASK_MS));
  if (problem === undefined) return { state: "healthy", why: "its health check answers" };
  const isNew = startedAtMs !== null && Date.now() - startedAtMs < START_MS;
  const wasUp = before === "healthy" || before === "unhealthy";
  return { state: isNew && !wasUp ? "starting" : "unhealthy", why: problem };
}
