import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Home } from "../../agents/home/home.ts";
import type { Contract, ContractModule, EnvironmentName } from "../../contract/declaration/contract.ts";
import { moduleNamed } from "../../contract/declaration/module-named.ts";
import { readContract } from "../../contract/declaration/read.ts";
import type { Report } from "../../contract/findings/finding.ts";
import type { Engine } from "../../engine/engine.ts";
import { NovaError } from "../../model/errors.ts";
import { checkLive } from "../check/live.ts";
import { checkPaper } from "../check/paper.ts";
import { ensureCompose } from "../compose/bring.ts";
import type { ComposeProgram } from "../compose/program.ts";
import type { Environment } from "../state.ts";
import { thisHost } from "../this-host.ts";
import { observationOf } from "./containers.ts";
import { openProject, type ModuleProject } from "./project.ts";
import { readStanding } from "./standing.ts";

/** A home's modules with what is needed to look at them. */
export interface ModulesView {
  readonly home: Home;
  readonly contract: Contract;
  readonly engine: Engine;
  readonly env: Environment;
  readonly user: { readonly uid: number; readonly gid: number };
  /** A line of what is being done. */
  say(line: string): void;
  checkPaper(module: ContractModule, environment: EnvironmentName): Promise<Report>;
  checkLive(module: ContractModule, environment: EnvironmentName): Promise<Report>;
}

/** The same with what is needed to change them. */
export interface Modules extends ModulesView {
  readonly compose: ComposeProgram;
  /** A line of what a program says that is at work. */
  progress(line: string): void;
}

export interface OpenModulesOptions {
  readonly home: Home;
  readonly engine: Engine;
  readonly env: Environment;
  say(line: string): void;
  progress?(line: string): void;
}

/** Opens the home's modules and finds the Compose program for the engine. Rejects as `viewModules` and `ensureCompose` do. */
export async function openModules(options: OpenModulesOptions): Promise<Modules> {
  const view = await viewModules(options);
  const { engine, env, say, progress = () => undefined } = options;
  const { endpoint } = await engine.probe();
  return { ...view, compose: await ensureCompose({ name: engine.name, endpoint }, env, say), progress };
}

/** Reads the home's contract. Rejects with `CONTRACT_NOT_FOUND` when it has none, and with `NOT_SUPPORTED` for an engine without Compose. */
export async function viewModules({ home, engine, env, say }: OpenModulesOptions): Promise<ModulesView> {
  const contract = await homeContract(home);
  const observation = observationOf(engine);
  const environmentFor = async (module: ContractModule, name: EnvironmentName): Promise<Environment> => ({
    ...env,
    ...(await openProject(module, name, env, thisHost())).variables,
  });
  await mkdir(home.host, { recursive: true, mode: 0o700 });
  return {
    home,
    contract,
    engine,
    env,
    user: thisHost(),
    say,
    checkPaper: async (module, environmentName) =>
      await checkPaper({
        paths: [module.folder],
        cwd: home.root,
        home: home.root,
        env: await environmentFor(module, environmentName),
        environmentName,
        askForImage: (reference) => observation.describeImage(reference),
      }),
    checkLive: async (module, environmentName) =>
      await checkLive({
        paths: [module.folder],
        names: [module.name],
        cwd: home.root,
        env: await environmentFor(module, environmentName),
        environmentName,
        engine,
      }),
  };
}

/** The contract in the home's root. */
export async function homeContract(home: Home): Promise<Contract> {
  const path = join(home.root, "contract.yaml");
  if (!existsSync(path)) {
    throw new NovaError("CONTRACT_NOT_FOUND", `The home has no contract.yaml.`, {
      place: path,
      next: "Bring it and the modules with `novabot modules add`.",
    });
  }
  return await readContract(path);
}

/** The modules that are named; without names those that are there, and the names of those that the contract has and the home has not. */
export function chooseModules(
  contract: Contract,
  names: readonly string[],
): { readonly chosen: ContractModule[]; readonly missing: string[] } {
  if (names.length > 0) return { chosen: [...new Set(names.map((name) => moduleNamed(contract, name)))], missing: [] };
  const isThere = (module: ContractModule): boolean => module.composeFiles.some((file) => existsSync(file));
  return {
    chosen: contract.modules.filter(isThere),
    missing: contract.modules.filter((module) => !isThere(module)).map(({ name }) => name),
  };
}

/** Whose secrets a command is about: those it names, else those that the module came up with last, else the local ones. */
export async function environmentOf(
  { home }: ModulesView,
  module: ContractModule,
  asked: EnvironmentName | undefined,
): Promise<EnvironmentName> {
  return asked ?? (await readStanding(home, module))?.facts.environment ?? "local";
}

export async function openModule(
  modules: ModulesView,
  module: ContractModule,
  environment: EnvironmentName,
): Promise<ModuleProject> {
  return await openProject(module, environment, modules.env, modules.user);
}
