import { join } from "node:path";
import type { ContractModule, EnvironmentName } from "../../contract/declaration/contract.ts";
import { NovaError, messageOf } from "../../model/errors.ts";
import { downCommand } from "../compose/command.ts";
import { runCompose } from "../compose/run.ts";
import { recordChange, type Change } from "./audit.ts";
import { containersOf, refuseStrangers } from "./containers.ts";
import { waitForHealth } from "./health.ts";
import { withModulesLock } from "./lock.ts";
import { chooseModules, environmentOf, type Modules, type ModulesView, openModule } from "./modules.ts";
import { endLeftCompose } from "./left-compose.ts";
import { inOrder, needs } from "./order.ts";
import { forgetStanding } from "./standing.ts";
import { type ModuleStarted, StartFailed, startModule, type UpOptions } from "./up.ts";

/** How long a module has to end by itself. */
const GRACE_SECONDS = 30;

/** What a change did to one module: `error` is undefined when it went well. */
export interface Changed {
  readonly module: string;
  readonly environment: EnvironmentName;
  readonly result: ModuleStarted["result"] | "down" | "was down" | "restarted" | "failed" | "left out";
  readonly started?: ModuleStarted;
  readonly error?: NovaError;
  readonly durationMs: number;
}

/** Starts modules in the order of their needs. One that fails is brought back; those that need it are left out, the others go on. */
export async function up(
  modules: Modules,
  names: readonly string[],
  asked: EnvironmentName | undefined,
  options: UpOptions,
): Promise<Changed[]> {
  const chosen = choose(modules, names);
  return await withModulesLock(modules.home, "modules up", async () => {
    const failed = new Set<ContractModule>();
    return await each(modules, "up", inOrder(chosen), asked, options.signal, async (module, environment) => {
      const missed = [...failed].find((other) => needs(module, other));
      if (missed) {
        failed.add(module);
        throw new NovaError("MODULE_FAILED", `${module.name} needs ${missed.name}, which did not come up.`);
      }
      try {
        const started = await startModule(modules, await openModule(modules, module, environment), options);
        return { result: started.result, started };
      } catch (thrown) {
        failed.add(module);
        throw thrown;
      }
    });
  });
}

/** Stops and removes the containers of modules, those first that need others. Volumes, data and the shared network stay. */
export async function down(
  modules: Modules,
  names: readonly string[],
  asked: EnvironmentName | undefined,
  signal: AbortSignal,
): Promise<Changed[]> {
  const chosen = choose(modules, names);
  return await withModulesLock(
    modules.home,
    "modules down",
    async () =>
      await each(modules, "down", inOrder(chosen).reverse(), asked, signal, async (module, environment) => {
        const project = await openModule(modules, module, environment);
        refuseStrangers(await containersOf(modules.engine, project), project, modules.home);
        await endLeftCompose(project.selection, (line) => modules.say(`${module.name}: ${line}`), signal);
        const containers = await containersOf(modules.engine, project);
        if (containers.length === 0) {
          await forgetStanding(modules.home, module, modules.engine);
          return { result: "was down" };
        }
        modules.say(`${module.name}: stopping`);
        // By the engine, not by Compose: a Compose file that was broken meanwhile must not keep a module running.
        for (const { id } of containers) await modules.engine.stop(id, GRACE_SECONDS * 1000);
        const { selection, variables } = project;
        await runCompose(modules.compose, selection, downCommand(GRACE_SECONDS), {
          variables,
          signal,
          onLine: modules.progress,
        }).catch(async () => {
          for (const { id } of containers) await modules.engine.remove(id);
        });
        for (const { id } of await containersOf(modules.engine, project)) await modules.engine.remove(id);
        await forgetStanding(modules.home, module, modules.engine);
        return { result: "down" };
      }),
  );
}

/** Stops the containers that are there and starts them again as they are. */
export async function restart(
  modules: ModulesView,
  names: readonly string[],
  asked: EnvironmentName | undefined,
  options: Pick<UpOptions, "timeoutMs" | "signal">,
): Promise<Changed[]> {
  const chosen = choose(modules, names);
  return await withModulesLock(
    modules.home,
    "modules restart",
    async () =>
      await each(modules, "restart", inOrder(chosen), asked, options.signal, async (module, environment) => {
        const project = await openModule(modules, module, environment);
        const containers = await containersOf(modules.engine, project);
        refuseStrangers(containers, project, modules.home);
        if (containers.length === 0) {
          throw new NovaError("MODULE_FAILED", `The module ${module.name} has no container to restart.`, {
            place: module.folder,
            next: `Start it with \`novabot modules up ${module.name}\`.`,
          });
        }
        modules.say(`${module.name}: restarting`);
        for (const { id } of containers) await modules.engine.stop(id, GRACE_SECONDS * 1000);
        for (const { id } of containers) await modules.engine.start(id);
        await waitForHealth(modules.engine, project, options);
        return { result: "restarted" };
      }),
  );
}

function choose(modules: ModulesView, names: readonly string[]): ContractModule[] {
  const { chosen, missing } = chooseModules(modules.contract, names);
  if (missing.length > 0) modules.say(`Not there, and left out: ${missing.join(", ")}.`);
  return chosen;
}

/** Does `work` for each module and writes an audit line for it; an interruption leaves out what has not begun. */
async function each(
  modules: ModulesView,
  what: string,
  chosen: readonly ContractModule[],
  asked: EnvironmentName | undefined,
  signal: AbortSignal,
  work: (module: ContractModule, environment: EnvironmentName) => Promise<Pick<Changed, "result" | "started">>,
): Promise<Changed[]> {
  const done: Changed[] = [];
  for (const module of chosen) {
    const began = performance.now();
    const environment = await environmentOf(modules, module, asked);
    const about = { module: module.name, environment };
    if (signal.aborted) {
      done.push({ ...about, result: "left out", durationMs: 0 });
      continue;
    }
    if (asked === undefined && environment !== "local")
      modules.say(`${module.name}: with --env ${environment}, as it came up last`);
    const changed = await attempt(async () => {
      // Before anything is changed: where this cannot be written, nothing is.
      await recordChange(modules.home, { what, ...about, result: "begun" });
      return await work(module, environment);
    });
    const all: Changed = { ...about, ...changed, durationMs: Math.round(performance.now() - began) };
    const recorded = await attempt(async () => {
      await recordChange(modules.home, auditLine(what, all));
      return all;
    });
    done.push(recorded.error && !all.error ? { ...all, error: unrecorded(modules, recorded.error) } : all);
  }
  return done;
}

/** What came of `work`; an error is a part of it. */
async function attempt<T extends Pick<Changed, "result" | "error">>(
  work: () => Promise<T>,
): Promise<T | { readonly result: "failed"; readonly error: NovaError }> {
  try {
    return await work();
  } catch (thrown) {
    const error = thrown instanceof NovaError ? thrown : new NovaError("MODULE_FAILED", messageOf(thrown), { cause: thrown });
    return { result: "failed", error };
  }
}

function unrecorded({ home }: ModulesView, cause: NovaError): NovaError {
  return new NovaError("MODULE_FAILED", `It is done, but how it ended could not be written into the audit: ${cause.message}`, {
    place: join(home.host, "audit.jsonl"),
    next: "Make room on the disk.",
    cause,
  });
}

function auditLine(what: string, { module, environment, result, started, error, durationMs }: Changed): Change {
  const rules = error?.facts["rules"];
  const because = Array.isArray(rules) ? rules.map(String) : error ? [error.code] : undefined;
  const forced = started?.forced === true ? started.findings.filter(({ severity }) => severity === "error") : [];
  return {
    what,
    module,
    environment,
    result: error instanceof StartFailed ? `failed, ${error.rolledBack.result}` : result,
    ...(started ? { forced: started.forced } : error instanceof StartFailed ? { forced: error.forced } : {}),
    ...(because ? { because } : forced.length > 0 ? { because: [...new Set(forced.map(({ rule }) => rule))] } : {}),
    durationMs,
  };
}
