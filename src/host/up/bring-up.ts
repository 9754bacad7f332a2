import { readGroups } from "../../agents/groups/registry.ts";
import type { Home } from "../../agents/home/home.ts";
import { checkSessions } from "../../agents/home/prepare.ts";
import type { Engine } from "../../engine/engine.ts";
import { messageOf, NovaError } from "../../model/errors.ts";
import type { Group } from "../../model/group.ts";
import type { WorkerSettings } from "../../workers/worker.ts";
import { editGroups } from "../installation.ts";
import type { Environment } from "../state.ts";
import { startWorker } from "../workers/start.ts";
import { readWorker } from "../workers/worker-files.ts";
import { workerContainers, type Workers } from "../workers/workers.ts";
import type { Config } from "./config.ts";

/** How one of the declared things came up. */
export interface BroughtUp {
  readonly what: "group" | "worker" | "module";
  readonly name: string;
  readonly result: "added" | "started" | "was up" | "failed";
  /** What a person should know of it: why it failed, or that it is not as the file says. */
  readonly note: string | null;
}

/** Registers the groups of the file that are not; those that are stay as they are. */
export async function registerGroups(home: Home, wanted: readonly Group[]): Promise<BroughtUp[]> {
  // The registry is a person's file as well: it is written only where something is to be added.
  const before = await readGroups(home);
  const first = await Promise.all(wanted.map(async (group) => await register(home, before, group)));
  if (!first.some(({ result }) => result === "added")) return first;
  const told: BroughtUp[] = [];
  await editGroups(home.root, async (known) => {
    const groups = [...known];
    for (const group of wanted) {
      const one = await register(home, groups, group);
      told.push(one);
      if (one.result === "added") groups.push(group);
    }
    return groups;
  });
  return told;
}

async function register(home: Home, known: readonly Group[], group: Group): Promise<BroughtUp> {
  const about = { what: "group", name: group.folder } as const;
  const same = known.find(({ folder }) => folder.toLowerCase() === group.folder.toLowerCase());
  if (same) {
    const other = same.folder !== group.folder || same.jid !== group.jid;
    const note = other ? `its folder is registered as ${same.folder} for the chat ${same.jid}` : null;
    return { ...about, result: "was up", note };
  }
  const taken = known.find(({ jid }) => jid === group.jid);
  if (taken) return { ...about, result: "failed", note: `the chat ${group.jid} belongs to the group ${taken.folder}` };
  try {
    await checkSessions(home, group);
    return { ...about, result: "added", note: null };
  } catch (error) {
    return { ...about, result: "failed", note: messageOf(error) };
  }
}

/** Starts the workers of the file that are not up, one after the other: a machine that starts is busy enough. */
export async function startWorkers(
  workers: Workers,
  wanted: Config["workers"],
  onTold: (told: BroughtUp) => void,
  signal: AbortSignal,
): Promise<void> {
  for (const { name, settings } of wanted) {
    if (signal.aborted) return;
    try {
      onTold(await bringUp(workers, name, settings, signal));
    } catch (error) {
      if (!signal.aborted) onTold({ what: "worker", name, result: "failed", note: messageOf(error) });
    }
  }
}

async function bringUp(
  workers: Workers,
  name: string,
  settings: Partial<WorkerSettings>,
  signal: AbortSignal,
): Promise<BroughtUp> {
  const kept = await readWorker(workers.home, name);
  const runs = (await workerContainers(workers, name)).some(({ running }) => running);
  if (kept?.state === "up" && runs)
    return { what: "worker", name, result: "was up", note: noteOf(kept.settings, settings, name) };
  // What its program needs may come up later than it: its supervisor tries again, and the console tells of each time that it falls.
  await startWorker(workers, name, { settings, mayFall: true, signal });
  return { what: "worker", name, result: "started", note: null };
}

/** A worker that runs is not stopped for a file that was changed. */
function noteOf(now: WorkerSettings, wanted: Partial<WorkerSettings>, name: string): string | null {
  const other = Object.entries(wanted).filter(
    ([key, value]) => JSON.stringify(now[key as keyof WorkerSettings]) !== JSON.stringify(value),
  );
  if (other.length === 0) return null;
  const keys = other.map(([key]) => key).join(", ");
  return `it runs with another ${keys} than novabot.yaml says; \`novabot worker stop ${name}\`, and the next \`novabot up\` takes that`;
}

/** Brings the modules of the file up, in the order of their needs. What code that takes is loaded only then. */
export async function startModules(
  options: { readonly home: Home; readonly engine: Engine; readonly env: Environment },
  names: readonly string[],
  onTold: (told: BroughtUp) => void,
  signal: AbortSignal,
): Promise<void> {
  if (names.length === 0 || signal.aborted) return;
  try {
    const { openModules } = await import("../modules/modules.ts");
    const { up } = await import("../modules/change.ts");
    const modules = await openModules({ ...options, say: () => undefined });
    for (const { module, result, error } of await up(modules, names, undefined, { force: false, timeoutMs: MODULE_MS, signal })) {
      const note = error ? error.message : result === "left out" ? "it was left out" : null;
      const became = result === "started" ? "started" : result === "unchanged" ? "was up" : "failed";
      if (!signal.aborted) onTold({ what: "module", name: module, result: became, note });
    }
  } catch (error) {
    if (signal.aborted) return;
    const note = error instanceof NovaError ? `${error.message} ${error.next}` : messageOf(error);
    for (const name of names) onTold({ what: "module", name, result: "failed", note });
  }
}

/** How long a module may take to become healthy. */
const MODULE_MS = 120_000;
