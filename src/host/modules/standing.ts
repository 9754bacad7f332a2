import { createHash } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { cp, lstat, mkdir, open, readdir, readFile, readlink, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { z } from "zod";
import type { Home } from "../../agents/home/home.ts";
import type { ContractModule, EnvironmentName } from "../../contract/declaration/contract.ts";
import type { Engine } from "../../engine/engine.ts";
import { hasCode, NovaError } from "../../model/errors.ts";
import { composeFlavours, type ComposeFlavour } from "../../model/compose-flavour.ts";

/** What is known of a module that came up: enough to bring it back as it was. */
export interface Standing {
  /** Its directory below the home's `data/host/modules`; nobody but the owner may look into it, since its secrets are there. */
  readonly directory: string;
  readonly facts: StandingFacts;
  /** The project as Compose resolved it. */
  readonly config: string;
  readonly envFile: KeptFile | undefined;
}

export interface StandingFacts {
  /** ISO 8601. */
  readonly at: string;
  readonly project: string;
  /** Whose secrets it has. */
  readonly environment: EnvironmentName;
  readonly flavour: ComposeFlavour;
  readonly envFilePath: string;
  /** By service: the image's name in the Compose file, and its id. */
  readonly images: Readonly<Record<string, { readonly name: string; readonly id: string }>>;
  /** By absolute path of a read-only directory of the module: what was in it. */
  readonly readOnly: Readonly<Record<string, string>>;
  readonly forced: boolean;
}

export interface KeptFile {
  readonly content: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs: number;
}

const factsSchema: z.ZodType<StandingFacts> = z.object({
  at: z.string(),
  project: z.string(),
  environment: z.enum(["local", "prod"]).default("local"),
  flavour: z.enum(composeFlavours),
  envFilePath: z.string(),
  images: z.record(z.string(), z.object({ name: z.string(), id: z.string() })),
  readOnly: z.record(z.string(), z.string()),
  forced: z.boolean(),
});
const keptSchema = z.object({ mode: z.number(), uid: z.number(), gid: z.number(), mtimeMs: z.number() });

/** Where everything is that is kept of a module. */
export function placeOf(home: Home, module: ContractModule, name = ""): string {
  return join(home.host, "modules", module.name, name);
}

export async function makePlace(home: Home, module: ContractModule): Promise<void> {
  await mkdir(placeOf(home, module), { recursive: true, mode: 0o700 });
}

/** What ran last; undefined when nothing did, or when what was kept of it cannot be read. */
export async function readStanding(home: Home, module: ContractModule): Promise<Standing | undefined> {
  // A process that was killed while it put the new one in the place of the old one leaves the old one alone.
  return (await readFrom(placeOf(home, module, "standing"))) ?? (await readFrom(placeOf(home, module, "old")));
}

async function readFrom(directory: string): Promise<Standing | undefined> {
  try {
    const facts = factsSchema.parse(JSON.parse(await readFile(join(directory, "facts.json"), "utf8")));
    const config = await readFile(join(directory, "config.yaml"), "utf8");
    return { directory, facts, config, envFile: await readKept(directory) };
  } catch {
    return undefined;
  }
}

async function readKept(directory: string): Promise<KeptFile | undefined> {
  const facts = await readFile(join(directory, "env-file.json"), "utf8").catch(() => undefined);
  if (facts === undefined) return undefined;
  return { ...keptSchema.parse(JSON.parse(facts)), content: await readFile(join(directory, "env-file")) };
}

/** Keeps what came up in the place of what ran before, in one step. */
export async function keepStanding(home: Home, module: ContractModule, kept: Omit<Standing, "directory">): Promise<void> {
  const draft = placeOf(home, module, "draft");
  const old = placeOf(home, module, "old");
  await rm(draft, { recursive: true, force: true });
  await makePlace(home, module);
  await mkdir(draft, { mode: 0o700 });
  await writeSynced(join(draft, "config.yaml"), kept.config);
  if (kept.envFile) {
    const { content, ...facts } = kept.envFile;
    await writeSynced(join(draft, "env-file"), content);
    await writeSynced(join(draft, "env-file.json"), JSON.stringify(facts));
  }
  for (const directory of Object.keys(kept.facts.readOnly)) {
    await cp(directory, join(draft, "read-only", nameFor(directory)), {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
    });
  }
  await writeSynced(join(draft, "facts.json"), JSON.stringify(kept.facts));
  await rm(old, { recursive: true, force: true });
  const standing = placeOf(home, module, "standing");
  if (existsSync(standing)) await rename(standing, old);
  await rename(draft, standing);
  await rm(old, { recursive: true, force: true });
}

/** The name under which the image of what runs is kept. */
export function keptName(home: Home, module: string, service: string): string {
  return `novabot-kept/${home.label}-${module.toLowerCase()}:${service}`;
}

/** Lets go of an image that was kept for a service; one that something else needs stays. */
export async function forgetImage(home: Home, module: ContractModule, service: string, engine: Engine): Promise<void> {
  await engine.removeImage(keptName(home, module.name, service)).catch((error: unknown) => {
    if (!(error instanceof NovaError)) throw error;
  });
}

/** Forgets what ran: after `down` there is nothing to go back to. */
export async function forgetStanding(home: Home, module: ContractModule, engine: Engine): Promise<void> {
  const standing = await readStanding(home, module);
  for (const service of Object.keys(standing?.facts.images ?? {})) {
    await forgetImage(home, module, service, engine);
  }
  // All of it: what a killed process has left beside it has secrets in it too.
  await rm(placeOf(home, module), { recursive: true, force: true });
}

/** Where the copy of a read-only directory is kept. */
export function keptReadOnly(standing: Standing, directory: string): string {
  return join(standing.directory, "read-only", nameFor(directory));
}

function nameFor(directory: string): string {
  return createHash("sha256").update(directory).digest("hex").slice(0, 16);
}

/** What is in the module's own read-only directories, as one hash for each. */
export async function hashReadOnly(module: ContractModule): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { source, readonly } of module.mounts) {
    if (!readonly || !source.startsWith(`${module.folder}${sep}`)) continue;
    const hash = createHash("sha256");
    for (const path of (await pathsBelow(source)).sort()) {
      const entry = await lstat(path);
      hash.update(`${relative(source, path)}\0${entry.mode}\0`);
      if (entry.isFile()) hash.update(await readFile(path));
      else if (entry.isSymbolicLink()) hash.update(await readlink(path));
      hash.update("\0");
    }
    found[source] = hash.digest("hex");
  }
  return found;
}

/** A file alone, or all that a directory holds; nothing for what is not there. */
async function pathsBelow(source: string): Promise<string[]> {
  try {
    if (!(await stat(source)).isDirectory()) return [source];
    const entries = await readdir(source, { recursive: true, withFileTypes: true });
    return entries.map((entry) => join(entry.parentPath, entry.name));
  } catch (thrown) {
    if (hasCode(thrown, "ENOENT")) return [];
    throw thrown;
  }
}

/** A plain file with all that makes it what it is; undefined when it is not there. */
export async function readKeptFile(path: string): Promise<KeptFile | undefined> {
  try {
    const { mode, uid, gid, mtimeMs } = await lstat(path);
    return { content: await readFile(path), mode: mode & 0o777, uid, gid, mtimeMs };
  } catch (thrown) {
    if (hasCode(thrown, "ENOENT")) return undefined;
    throw thrown;
  }
}

/** Puts the time back that a file had: an env file that says the same is no newer than the container that read it. */
export async function restoreTime(path: string, { mtimeMs }: KeptFile): Promise<void> {
  await utimes(path, mtimeMs / 1000, mtimeMs / 1000);
}

async function writeSynced(path: string, content: string | Buffer): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await writeFile(file, content);
    await file.sync();
  } finally {
    await file.close();
  }
}
