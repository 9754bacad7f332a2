import { existsSync } from "node:fs";
import type { ContractModule } from "../../contract/declaration/contract.ts";
import { messageOf, NovaError } from "../../model/errors.ts";
import type { ModuleState } from "../../model/entry.ts";
import type { ModuleView } from "../../model/kept.ts";
import { containersOf, type ModuleContainer, strangerAmong } from "../modules/containers.ts";
import { environmentOf, type ModulesView, openModule } from "../modules/modules.ts";

/** A module as it is now, before it is known since when. */
export type ModuleNow = Omit<ModuleView, "sinceMs">;

/** What the home's modules do, by the engine's own word; no program is run in them. Those that the home has not are left out. */
export async function moduleStates(modules: ModulesView): Promise<ModuleNow[]> {
  const there = modules.contract.modules.filter((module) => module.composeFiles.some((file) => existsSync(file)));
  return await Promise.all(
    there.map(async (module) => {
      try {
        return await look(modules, module);
      } catch (error) {
        // An engine that is away is everybody's trouble; a file that cannot be read is this module's alone.
        if (error instanceof NovaError && error.code === "ENGINE_LOST") throw error;
        return { module: module.name, state: "unknown" as const, why: messageOf(error), containers: [] };
      }
    }),
  );
}

async function look(modules: ModulesView, module: ContractModule): Promise<ModuleNow> {
  const project = await openModule(modules, module, await environmentOf(modules, module, undefined));
  const found = await containersOf(modules.engine, project);
  const stranger = strangerAmong(found, project, modules.home);
  if (stranger)
    return { module: module.name, state: "unknown", why: `another directory started ${stranger.name}`, containers: [] };
  const main = found.find(({ service }) => service === module.service) ?? found[0];
  return {
    module: module.name,
    ...(main ? stateOf(main) : { state: "stopped" as const, why: "it has no container" }),
    containers: found.map(({ name, running, health }) => ({ name, running, health: health?.status ?? null })),
  };
}

function stateOf({ running, health, exitCode, startedAtMs }: ModuleContainer): {
  readonly state: ModuleState;
  readonly why: string;
} {
  if (!running)
    return {
      state: "stopped",
      why: startedAtMs === null ? "its container never ran" : `its container ended with ${exitCode ?? "no exit status"}`,
    };
  if (!health) return { state: "unknown", why: "it runs, and has no health check" };
  const said = health.log.at(-1)?.output.trim().split("\n", 1)[0]?.slice(0, 300);
  const whys = {
    healthy: "its health check answers",
    starting: "its health check has not answered yet",
    unhealthy: `its health check fails${said ? `: ${said}` : ""}`,
  };
  return { state: health.status, why: whys[health.status] };
}
