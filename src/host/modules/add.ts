import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import type { Home } from "../../agents/home/home.ts";
import { moduleNamed } from "../../contract/declaration/module-named.ts";
import { readContract } from "../../contract/declaration/read.ts";
import type { ContractModule, EnvironmentName } from "../../contract/declaration/contract.ts";
import { NovaError } from "../../model/errors.ts";
import { ensureKey } from "../../secrets/age/key-file.ts";
import { createCreationRules, createSecrets } from "../../secrets/create.ts";
import { packageRoot } from "../package-root.ts";
import type { Environment } from "../state.ts";
import { recordChange } from "./audit.ts";
import { prepareFolders } from "./folders.ts";
import { gitIgnoreFor } from "./git-ignore.ts";
import { withModulesLock } from "./lock.ts";

export interface Added {
  /** What was brought, below the home; what was there is left as it is. */
  readonly files: readonly string[];
  readonly modules: readonly string[];
  /** Secrets that nobody but a person can set, by file. */
  readonly toSet: readonly { readonly file: string; readonly names: readonly string[] }[];
  /** Where the key is, and whether it was made. */
  readonly key: { readonly from: string; readonly made: boolean; readonly recipient: string } | undefined;
}

/**
 * Brings contract.yaml, modules and their secrets into the home. Nothing that is there is changed; a second call brings what is missing. Without
 * names every module that NovaBot has comes.
 */
export async function addModules(home: Home, names: readonly string[], env: Environment): Promise<Added> {
  await mkdir(home.host, { recursive: true, mode: 0o700 });
  return await withModulesLock(home, "modules add", async () => {
    const source = packageRoot();
    const files: string[] = [];
    const bring = async (path: string, copy: (from: string, to: string) => Promise<void>): Promise<void> => {
      const to = join(home.root, path);
      if (existsSync(to)) return;
      await mkdir(join(to, ".."), { recursive: true });
      const draft = `${to}.${process.pid}.draft`;
      try {
        await copy(join(source, path), draft);
        await rename(draft, to);
        files.push(path);
      } finally {
        await rm(draft, { recursive: true, force: true });
      }
    };
    const ours = await readContract(join(source, "contract.yaml"));
    await bring("contract.yaml", copyFile);
    await bring("schema/contract.schema.json", copyFile);
    const contract = await readContract(join(home.root, "contract.yaml"));
    const chosen = names.length > 0 ? names.map((name) => moduleNamed(ours, name)) : ours.modules;
    const brought: string[] = [];
    for (const module of chosen) {
      if (!existsSync(module.folder)) {
        if (names.length > 0) moduleMissing(module);
        continue;
      }
      const before = files.length;
      await bring(relative(source, module.folder), copyTree);
      // Written and not copied: a package of npm holds none.
      await bring(join(relative(source, module.folder), ".gitignore"), async (_, to) => {
        await writeFile(to, gitIgnoreFor(module));
      });
      if (module.name.endsWith("-docs")) await bring("docs", copyTree);
      if (files.length > before) brought.push(module.name);
    }
    const there = contract.modules.filter(({ folder }) => existsSync(folder));
    // A package holds no empty directories.
    for (const module of there) await prepareFolders(module, { ...module.user, shiftsIDs: false });
    const { toSet, key } = await addSecrets(there, home, env, files);
    for (const module of brought) await recordChange(home, { what: "add", module, result: "added" });
    return { files, modules: brought, toSet, key };
  });
}

function moduleMissing(module: ContractModule): never {
  throw new NovaError("MODULE_NOT_FOUND", `NovaBot brings no module ${module.name}: the contract declares it alone.`, {
    place: module.folder,
    next: "Write it: a folder with compose.yaml and conf/; see docs/modules.md.",
  });
}

async function addSecrets(
  modules: readonly ContractModule[],
  home: Home,
  env: Environment,
  files: string[],
): Promise<Pick<Added, "toSet" | "key">> {
  const toSet: { file: string; names: readonly string[] }[] = [];
  let key: Added["key"];
  for (const module of modules) {
    for (const environment of ["local", "prod"] satisfies EnvironmentName[]) {
      const file = module.secretFiles[environment];
      if (module.secrets.length === 0 || existsSync(file)) continue;
      key ??= await ensureKey(env);
      if (await createCreationRules(home.root, [key.recipient])) files.push(".sops.yaml");
      await mkdir(join(file, ".."), { recursive: true, mode: 0o700 });
      const made = await createSecrets({ file, secrets: module.secrets.filter(({ optional }) => !optional) });
      files.push(relative(home.root, file));
      if (made.toSet.length > 0) toSet.push({ file, names: made.toSet });
    }
  }
  return { toSet, key };
}

/** What a module has made for itself where it comes from stays there. */
async function copyTree(from: string, to: string): Promise<void> {
  const own = new Set(["data", "logs", "sessions", "media"]);
  await cp(from, to, {
    recursive: true,
    filter: (path) => {
      const [first = "", second] = relative(from, path).split("/");
      if (own.has(first) && second !== undefined) return false;
      const name = basename(path);
      return name !== "node_modules" && !/^\.env\.(local|server)$|\.novabot-|^\.#|^\.gitignore$/.test(name);
    },
  });
}
