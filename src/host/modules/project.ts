import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import type { ContractModule, EnvironmentName } from "../../contract/declaration/contract.ts";
import { NovaError } from "../../model/errors.ts";
import type { ComposeSelection } from "../compose/command.ts";
import type { ComposeProgram } from "../compose/program.ts";
import { defaultProjectName, declaredProjectName, parseResolved, type ResolvedProject } from "../compose/resolved.ts";
import { packageRoot } from "../package-root.ts";
import { runCompose, type RunComposeOptions } from "../compose/run.ts";
import type { Environment } from "../state.ts";

/** How a module's Compose file is to be read. */
export interface ModuleVariables {
  /** The name of the shared network. */
  readonly network: string | undefined;
  /** What the module's Compose file takes out of the environment. */
  readonly variables: Environment;
}

/** One module with what Compose needs to be asked about it. */
export interface ModuleProject extends ModuleVariables {
  readonly module: ContractModule;
  readonly environment: EnvironmentName;
  readonly selection: ComposeSelection;
}

/**
 * Variables that neither the caller nor the module's own `.env` has set get the contract's values; whoever is not root cannot give files to
 * the contract's user, so that the modules run as the caller.
 */
export async function moduleVariables(
  module: ContractModule,
  environment: EnvironmentName,
  env: Environment,
  user: { readonly uid: number; readonly gid: number },
): Promise<ModuleVariables> {
  const own = await ownVariables(module);
  const value = (name: string, fallback: string | undefined): string | undefined => env[name] || own.get(name) || fallback;
  const { variable } = module.network;
  const network = value(variable, module.network.default);
  const ids = module.user.variables;
  const uid = String(user.uid > 0 ? user.uid : module.user.uid);
  const gid = String(user.uid > 0 ? user.gid : module.user.gid);
  return {
    network,
    variables: {
      RUNTIME_ENV_FILE: relative(module.folder, module.envFiles[environment]),
      ...(network === undefined ? {} : { [variable]: network }),
      ...(ids ? { [ids.uid]: value(ids.uid, uid), [ids.gid]: value(ids.gid, gid) } : {}),
    },
  };
}

/** Rejects with `MODULE_NOT_FOUND` for a module without a Compose file. */
export async function openProject(
  module: ContractModule,
  environment: EnvironmentName,
  env: Environment,
  user: { readonly uid: number; readonly gid: number },
): Promise<ModuleProject> {
  const composeFiles = module.composeFiles.filter((file) => existsSync(file));
  if (composeFiles.length === 0) {
    throw new NovaError("MODULE_NOT_FOUND", `The module ${module.name} has no Compose file.`, {
      place: module.folder,
      next: existsSync(join(packageRoot(), "modules", basename(module.folder)))
        ? `Bring it with \`novabot modules add ${module.name}\`, or write it; see docs/modules.md.`
        : "Write it (NovaBot brings none of that name); see docs/modules.md.",
    });
  }
  const texts = await Promise.all(composeFiles.map((file) => readFile(file, "utf8")));
  const named = (await ownVariables(module)).get("COMPOSE_PROJECT_NAME");
  return {
    module,
    environment,
    selection: {
      project: named || declaredProjectName(texts) || defaultProjectName(module.folder),
      directory: module.folder,
      files: composeFiles,
    },
    ...(await moduleVariables(module, environment, env, user)),
  };
}

/** The project as Compose resolves it: its secrets are in the text. */
export async function resolveProject(
  { selection, variables }: ModuleProject,
  compose: ComposeProgram,
  options: Omit<RunComposeOptions, "variables">,
): Promise<ResolvedProject> {
  // Debian 12's podman-compose cannot: its file is taken as it is written, and read again with the same variables.
  if (compose.flavour === "podman-compose") return parseResolved(await onlyFile(selection.files));
  return parseResolved(await runCompose(compose, selection, ["config"], { ...options, variables }));
}

async function onlyFile(files: readonly string[]): Promise<string> {
  const [file, ...more] = files;
  if (file !== undefined && more.length === 0) return await readFile(file, "utf8");
  throw new NovaError("NOT_SUPPORTED", "With podman-compose a module has one Compose file.", {
    place: files.join(", "),
    next: "Use Compose v2: `novabot setup` brings it, and it speaks to Podman as well.",
  });
}

/** The plain assignments of the module's own `.env`. */
async function ownVariables(module: ContractModule): Promise<Map<string, string>> {
  const text = await readFile(join(module.folder, ".env"), "utf8").catch(() => "");
  const found = [...text.matchAll(/^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*["']?([^"'\n#]*?)["']?\s*(?:#.*)?$/gm)];
  return new Map(found.map(([, name = "", value = ""]) => [name, value]));
}
