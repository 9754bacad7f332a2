import type { ContractModule } from "../../contract/declaration/contract.ts";
import type { Engine } from "../../engine/engine.ts";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { rm, writeFile } from "node:fs/promises";
import { messageOf } from "../../model/errors.ts";
import { replaceFile } from "../../secrets/file/replace-file.ts";
import { upCommand } from "../compose/command.ts";
import type { ComposeProgram } from "../compose/program.ts";
import { withSources } from "../compose/resolved.ts";
import { runCompose } from "../compose/run.ts";
import type { Ran } from "./attempt.ts";
import { containersOf, observationOf } from "./containers.ts";
import { waitForHealth } from "./health.ts";
import { BACK_PREFIX } from "./left-compose.ts";
import type { ModuleProject } from "./project.ts";
import { hashReadOnly, type KeptFile, keptReadOnly, readKeptFile, restoreTime, type Standing } from "./standing.ts";

/** What a module was before it was changed. */
export interface Before {
  /** What ran; after a change that was killed, what ran before that one. */
  readonly running: readonly Ran[];
  readonly standing: Standing | undefined;
  readonly envFile: KeptFile | undefined;
}

/** How it ended: what ran before runs on untouched, was brought back, there was nothing before, or it could not be brought back; or the engine does not say. */
export interface RolledBack {
  readonly result: "untouched" | "brought back" | "nothing ran before" | "not brought back" | "not known";
  readonly notes: readonly string[];
}

export interface RollBackOptions {
  readonly engine: Engine;
  readonly compose: ComposeProgram;
  readonly timeoutMs: number;
  readonly redact: (text: string) => string;
}

/**
 * Undoes a change that failed: former env file, images, read-only files and containers. Never rejects; what could not be done is a note. It is
 * not interrupted: a second Ctrl-C ends the process, and the next `up` finds what is left.
 */
export async function rollBack(project: ModuleProject, before: Before, options: RollBackOptions): Promise<RolledBack> {
  const notes: string[] = [];
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      notes.push(`${what}: ${options.redact(messageOf(error))}`);
      return undefined;
    }
  };
  const { engine } = options;
  await attempt("the former env file could not be put back", () => restoreEnvFile(project, before));
  const former = before.running;
  const now = await attempt("the module's containers could not be listed", () => containersOf(engine, project));
  if (now === undefined) return { result: "not known", notes };
  const kept = former.filter(({ id, name }) => now.some((one) => one.id === id && one.running && one.name === name));
  const news = now.filter(({ id }) => !former.some((one) => one.id === id));
  if (kept.length === former.length) {
    let removed = true;
    for (const { id, name } of news) {
      const what = `the new container ${name} could not be removed`;
      removed = ((await attempt(what, async () => (await engine.remove(id), true))) ?? false) && removed;
    }
    if (!removed) return { result: "not known", notes };
    return { result: former.length === 0 ? "nothing ran before" : "untouched", notes };
  }
  if (before.standing === undefined) {
    notes.push("what ran before was not started by `novabot modules`, so nothing is known of how to start it");
    return { result: "not brought back", notes };
  }
  const standing = before.standing;
  const back = await attempt("what ran before could not be started again", async () => {
    await bringBack(project, standing, options, notes);
    return true;
  });
  return { result: back === true ? "brought back" : "not brought back", notes };
}

async function restoreEnvFile({ module, environment }: ModuleProject, before: Before): Promise<void> {
  const path = module.envFiles[environment];
  // Between a former run that was killed and this one, the file on the disk may be one that never ran.
  const kept = before.standing?.facts.envFilePath === path ? before.standing.envFile : before.envFile;
  if (kept === undefined) return await rm(path, { force: true });
  // On a disk that is full, a file that needs no writing is not lost.
  const now = await readKeptFile(path).catch(() => undefined);
  if (now?.content.equals(kept.content) && now.mode === kept.mode && now.uid === kept.uid) return await restoreTime(path, kept);
  const owner = process.getuid?.() === 0 ? { uid: kept.uid, gid: kept.gid } : undefined;
  await replaceFile({ path, content: kept.content, mode: kept.mode, owner });
  await restoreTime(path, kept);
}

async function bringBack(project: ModuleProject, standing: Standing, options: RollBackOptions, notes: string[]): Promise<void> {
  const { engine, compose } = options;
  const observation = observationOf(engine);
  for (const { name, id } of Object.values(standing.facts.images)) {
    const found = await engine.findImage(name);
    if (found?.id === id || name.includes("@")) continue;
    await observation.tagImage(id, withTag(name));
  }
  const sources = await changedSources(project.module, standing, notes);
  // podman-compose takes paths from where the file lies.
  const place = compose.flavour === "podman-compose" ? project.module.folder : standing.directory;
  const file = join(place, `${BACK_PREFIX}${randomBytes(6).toString("hex")}.yaml`);
  await writeFile(file, withSources(standing.config, project.module.folder, sources), { mode: 0o600, flag: "wx" });
  try {
    // A container that is there under another name, as old Composes leave it, would be taken for one that is up to date.
    await runCompose(compose, { ...project.selection, files: [file] }, upCommand(true), {
      variables: project.variables,
      redact: options.redact,
    });
  } finally {
    await rm(file, { force: true });
  }
  await waitForHealth(engine, project, { timeoutMs: options.timeoutMs, signal: new AbortController().signal });
}

/** The read-only directories that are no longer what they were when it ran, with their copies. */
async function changedSources(module: ContractModule, standing: Standing, notes: string[]): Promise<Map<string, string>> {
  const now = await hashReadOnly(module);
  const changed = Object.entries(standing.facts.readOnly).filter(([directory, hash]) => now[directory] !== hash);
  for (const [directory] of changed) {
    notes.push(`${directory} was changed: what runs has a copy of how it was, and your changes are as you left them`);
  }
  return new Map(changed.map(([directory]) => [directory, keptReadOnly(standing, directory)]));
}

/** Engines name images with a tag. */
export function withTag(name: string): string {
  return /:[^/]+$/.test(name) ? name : `${name}:latest`;
}
