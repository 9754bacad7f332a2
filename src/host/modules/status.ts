import { existsSync } from "node:fs";
import type { EnvironmentName } from "../../contract/declaration/contract.ts";
import type { Verdict } from "../../contract/findings/finding.ts";
import { containersOf, strangerAmong } from "./containers.ts";
import { chooseModules, environmentOf, type ModulesView, openModule } from "./modules.ts";
import { readStanding } from "./standing.ts";

export interface ModuleStatus {
  readonly module: string;
  /** `missing` has no Compose file, `down` no container; `elsewhere` is a container of that name which another directory has started. */
  readonly state: "missing" | "down" | "stopped" | "running" | "elsewhere";
  /** Whose secrets it has; null when it is not there. */
  readonly environment: EnvironmentName | null;
  readonly health: string | null;
  readonly container: string | null;
  readonly image: string | null;
  /** `127.0.0.1:8102`. */
  readonly port: string | null;
  readonly startedAt: string | null;
  readonly restarts: number | null;
  /** How it keeps the contract, from a check of what runs made for this answer; null when it does not run. */
  readonly contract: Verdict | null;
  /** It came up with --force. */
  readonly forced: boolean;
}

/** What runs of the home's modules. */
export async function status(
  modules: ModulesView,
  names: readonly string[],
  asked: EnvironmentName | undefined,
): Promise<ModuleStatus[]> {
  const all = names.length > 0 ? chooseModules(modules.contract, names).chosen : modules.contract.modules;
  return await Promise.all(
    all.map(async (module): Promise<ModuleStatus> => {
      const nothing = {
        module: module.name,
        environment: null,
        health: null,
        container: null,
        image: null,
        port: null,
        startedAt: null,
        restarts: null,
      };
      const idle = { ...nothing, contract: null, forced: false };
      if (!module.composeFiles.some((file) => existsSync(file))) return { ...idle, state: "missing" };
      const environment = await environmentOf(modules, module, asked);
      const project = await openModule(modules, module, environment);
      const found = await containersOf(modules.engine, project);
      const stranger = strangerAmong(found, project, modules.home);
      if (stranger) return { ...idle, state: "elsewhere", container: stranger.name };
      const container = found.find(({ service }) => service === module.service) ?? found[0];
      if (!container) return { ...idle, state: "down" };
      const standing = await readStanding(modules.home, module);
      const { running, health, name, image, ports, startedAtMs, restarts } = container;
      const report = running ? await modules.checkLive(module, environment) : undefined;
      return {
        ...nothing,
        environment,
        state: running ? "running" : "stopped",
        health: running ? (health?.status ?? "none") : null,
        container: name,
        image,
        port: ports.map(({ hostAddress, host }) => `${hostAddress}:${host}`).join(", ") || null,
        startedAt: startedAtMs === null ? null : new Date(startedAtMs).toISOString(),
        restarts,
        contract: report === undefined ? null : verdictOf(report),
        forced: standing?.facts.forced ?? false,
      };
    }),
  );
}

function verdictOf({
  findings,
  unchecked,
}: {
  findings: readonly { severity: string }[];
  unchecked: readonly unknown[];
}): Verdict {
  if (findings.some(({ severity }) => severity === "error")) return "broken";
  return unchecked.length > 0 ? "unknown" : "kept";
}
