import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { findComposeFiles } from "../../contract/compose/files.ts";
import { findContract } from "../../contract/declaration/find.ts";
import { moduleNamed } from "../../contract/declaration/module-named.ts";
import type { Contract, ContractModule } from "../../contract/declaration/contract.ts";
import type { Unchecked } from "../../contract/findings/finding.ts";
import { isBelow } from "../../contract/report/paths.ts";
import type { Place } from "../../contract/source/place.ts";
import { hasCode, NovaError, quote, reasonOf } from "../../model/errors.ts";

/** One project that shall be checked. */
export interface Target {
  readonly contract: Contract | undefined;
  readonly module: ContractModule | undefined;
  /** Absolute paths of its Compose files in order; empty when the module has none. */
  readonly files: readonly string[];
}

export interface Targets {
  readonly targets: readonly Target[];
  readonly unchecked: readonly Unchecked[];
  /** Every contract that was read; reports quote them. */
  readonly contracts: readonly Contract[];
}

/**
 * What the paths of a command line mean: a `contract.yaml` is all of its modules, a directory its `contract.yaml` or its Compose files, anything
 * else a Compose file. Files in the folder of a contract's module are that module. A word that is no path may be the name of a module of the
 * contract around `cwd`, or of the home's. Without paths, the contract around `cwd`, then the Compose files in it, then the home's contract. Rejects
 * with CONTRACT_NOT_FOUND when there is nothing at all.
 */
export async function findTargets(paths: readonly string[], cwd: string, home: string | undefined): Promise<Targets> {
  const found = new TargetFinder();
  if (!paths.length) await found.addNearest(cwd, home);
  for (const path of paths) {
    if (!(await isPath(path, cwd)) && (await found.addNamed(path, cwd, home))) continue;
    await found.add(resolve(cwd, path));
  }
  return found;
}

/** Whether a word of the command line can be meant as a path: it looks like one, or something to check is there. Else it may be a name. */
export async function isPath(word: string, cwd: string): Promise<boolean> {
  const path = resolve(cwd, word);
  if (word.includes("/") || /^\.*$/.test(word)) return true;
  const there = await stat(path).catch(() => undefined);
  if (!there?.isDirectory()) return there !== undefined;
  return (await contractIn(path)) !== undefined || (await findComposeFiles(path)).length > 0;
}

class TargetFinder implements Targets {
  readonly targets: Target[] = [];
  readonly unchecked: Unchecked[] = [];
  readonly #contracts = new Map<string, Promise<Contract | undefined>>();
  readonly contracts: Contract[] = [];
  readonly #seen = new Set<string>();

  async addNearest(cwd: string, home: string | undefined): Promise<void> {
    const near = await findContract(cwd);
    if (near !== undefined) return await this.#addContract(near);
    const files = await findComposeFiles(cwd);
    if (files.length) return await this.#addFiles(files);
    const homes = home === undefined ? undefined : await contractIn(resolve(home));
    if (homes !== undefined) return await this.#addContract(homes);
    throw new NovaError("CONTRACT_NOT_FOUND", `There is neither a contract.yaml nor a Compose file for ${quote(cwd)}.`, {
      place: cwd,
    });
  }

  /** Whether there is such a module. Rejects with MODULE_NOT_FOUND when the word is the end of several names. */
  async addNamed(word: string, cwd: string, home: string | undefined): Promise<boolean> {
    const path = (await findContract(cwd)) ?? (home === undefined ? undefined : await contractIn(resolve(home)));
    const contract = path === undefined ? undefined : await this.#read(path);
    if (!contract?.modules.some(({ name }) => name === word || name.endsWith(`-${word}`))) return false;
    const module = moduleNamed(contract, word);
    this.#addTarget({ contract, module, files: module.composeFiles });
    return true;
  }

  async add(path: string): Promise<void> {
    const there = await stat(path).catch((thrown: unknown) => {
      const why = hasCode(thrown, "ENOENT", "ENOTDIR") ? "There is nothing at" : `${reasonOf(thrown)}:`;
      this.#refuse(path, `${why} ${quote(path)}.`, "Name a contract.yaml, a Compose file, or a directory that holds one.");
    });
    if (!there) return;
    if (there.isDirectory()) await this.#addDirectory(path);
    else if (isContract(path)) await this.#addContract(path);
    else await this.#addFiles([path]);
  }

  async #addDirectory(path: string): Promise<void> {
    const contract = await contractIn(path);
    if (contract !== undefined) return await this.#addContract(contract);
    const around = await this.#contractAround(path);
    const module = around && moduleAt(around, path);
    // A module's directory is the module, even when its Compose file is missing: that is what shall be found.
    if (around && module?.folder === path) return this.#addTarget({ contract: around, module, files: module.composeFiles });
    const files = await findComposeFiles(path);
    if (files.length) return await this.#addFiles(files);
    this.#refuse(
      path,
      `${quote(path)} holds neither a contract.yaml nor a Compose file.`,
      "Name the file when it is called otherwise than compose.yaml or docker-compose.yml.",
    );
  }

  async #addContract(path: string): Promise<void> {
    const contract = await this.#read(path);
    if (!contract) return;
    if (!contract.modules.length) {
      this.#refuse(path, "The contract has no modules, so there is nothing to check.", "Declare them; see docs/contract.md.");
    }
    for (const module of contract.modules) this.#addTarget({ contract, module, files: module.composeFiles });
  }

  async #addFiles(files: readonly string[]): Promise<void> {
    const first = files[0] ?? "";
    const contract = await this.#contractAround(dirname(first));
    const module = contract && moduleAt(contract, first);
    const isOfModule = module?.composeFiles.includes(first) ?? false;
    this.#addTarget({ contract, module, files: module && isOfModule ? module.composeFiles : files });
  }

  #addTarget(target: Target): void {
    const key = JSON.stringify([target.module?.name, target.contract?.source.path, target.files]);
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.targets.push(target);
  }

  async #contractAround(directory: string): Promise<Contract | undefined> {
    const path = await findContract(directory);
    return path === undefined ? undefined : await this.#read(path);
  }

  /** Each contract is read, and complained of, once. */
  async #read(path: string): Promise<Contract | undefined> {
    const known = this.#contracts.get(path);
    if (known) return await known;
    // What reads contracts takes a moment to load, and many Compose files have none.
    const reading = import("../../contract/declaration/read.ts").then(async ({ readContract }) => await readContract(path));
    const read = reading.catch((thrown: unknown) => {
      this.#complain(path, thrown);
      return undefined;
    });
    this.#contracts.set(path, read);
    const contract = await read;
    if (contract) this.contracts.push(contract);
    return contract;
  }

  #complain(path: string, thrown: unknown): void {
    if (!(thrown instanceof NovaError)) throw thrown;
    const problems = Array.isArray(thrown.facts["problems"]) ? (thrown.facts["problems"] as unknown[]) : [];
    const told = problems.filter((one): one is { place: string; message: string } => {
      return typeof one === "object" && one !== null && "place" in one && "message" in one;
    });
    for (const { place, message } of told.length ? told : [{ place: thrown.place ?? path, message: thrown.message }]) {
      this.unchecked.push({
        module: undefined,
        message: `The contract cannot be used: ${message}.`.replace(/\.\.$/, "."),
        next: thrown.next,
        at: placeOf(path, place),
      });
    }
  }

  #refuse(path: string, message: string, next: string): void {
    this.unchecked.push({ module: undefined, message, next, at: placeOf(path, path) });
  }
}

/** `file:line:column` as a place of `file`; its beginning when the text says no line. */
function placeOf(file: string, text: string): Place {
  const numbers = /:(\d+):(\d+)$/.exec(text);
  const line = Number(numbers?.[1] ?? 1);
  const column = Number(numbers?.[2] ?? 1);
  return { file, line, column, endLine: line, endColumn: column };
}

function isContract(path: string): boolean {
  return /^contract\.ya?ml$/.test(basename(path));
}

async function contractIn(directory: string): Promise<string | undefined> {
  const path = resolve(directory, "contract.yaml");
  const there = await stat(path).catch(() => undefined);
  return there?.isFile() ? path : undefined;
}

/** The module whose folder holds `path`; the innermost one when folders lie in each other. */
function moduleAt(contract: Contract, path: string): ContractModule | undefined {
  return contract.modules
    .filter(({ folder }) => isBelow(path, folder))
    .toSorted((a, b) => b.folder.length - a.folder.length)
    .at(0);
}
