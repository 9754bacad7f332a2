import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { GLOBAL_FOLDER } from "../../model/names.ts";
import { PROJECT_TARGET } from "../../model/workspace.ts";
import type { AgentUser } from "../home/agent-user.ts";
import type { Home } from "../home/home.ts";
import type { PlannedMount } from "./planned-mount.ts";

/** A part of the home that main does not get, and why. */
export interface HiddenPath {
  /** Where it would be in the container. */
  readonly target: string;
  readonly why: string;
}

/** A place in the frame that `/workspace/project` is, on which something is mounted. */
export interface FramePlace {
  /** Relative to the frame; parents come first. */
  readonly path: string;
  readonly isDirectory: boolean;
}

export interface Project {
  readonly mounts: readonly PlannedMount[];
  readonly hidden: readonly HiddenPath[];
  readonly frame: readonly FramePlace[];
}

const hiddenNames: ReadonlyMap<string, string> = new Map([
  ["store", "the adapters' credentials and the database"],
  ["secrets", "secrets"],
  ["data", "the groups' conversations, mail slots and env files, and the running hosts' own state"],
]);

/** Hidden where it is there. The host mounts what lies in it into workers: main could put a link in a worker's place, and wait for its next start. */
const WORKERS = "workers";

const CONTRACT = "contract.yaml";
/** In a home with a contract: below it lie the env files that the secrets are written into, and what the host starts. */
const hiddenByContract: ReadonlyMap<string, string> = new Map([
  ["modules", "the modules' secrets, and the files by which the host starts them"],
]);
/** What the host itself goes by when it starts modules and workers, opens doors and encrypts secrets. */
const readonlyNames: ReadonlyMap<string, string> = new Map([
  [CONTRACT, "what modules may do on the host; main reads it"],
  [".sops.yaml", "who can read the secrets; main reads it"],
  ["novabot.yaml", "what `novabot up` starts, and where its doors are; main reads it"],
]);

/** What editors and tools leave beside a file while they write it: Emacs, vi, Kate, GNOME, rsync, `sed -i`. */
const temporary = /^#|~$|\.sw.$|^\.#|^\.goutputstream-|^\.\.|^sed[A-Za-z0-9]{6}$/;

/** The read-only directory that the parts of the home are mounted into. */
export function frameDirectory(home: Home): string {
  return join(home.host, "project");
}

/**
 * What main gets of the home: each of its parts mounted by itself into a read-only frame, except what no container may read.
 * The home itself is not mounted, with masks over its secrets: the kernel takes a mount away from a file that is replaced on
 * the host, so that a mask over `.env` would fall with the next save of an editor. What is not in the frame is not there,
 * whatever happens on the host; and as nothing in `groups` is a directory entry that main could change, main can put no link
 * where another group's folder is looked for.
 */
export async function planProject(
  home: Home,
  folders: readonly string[],
  user: AgentUser,
  capabilities: { readonly fileMounts: boolean },
): Promise<Project> {
  const frame: FramePlace[] = [];
  const hidden: HiddenPath[] = [];
  const mounts: PlannedMount[] = [
    {
      source: frameDirectory(home),
      target: PROJECT_TARGET,
      readonly: true,
      kind: "frame",
      why: "a frame for the parts of the home below; new entries beside them are the host's to make",
    },
  ];
  const mount = (path: string, isDirectory: boolean, readonly: boolean, why: string): void => {
    frame.push({ path, isDirectory });
    mounts.push({ source: join(home.root, path), target: `${PROJECT_TARGET}/${path}`, readonly, kind: "project", why });
  };
  const hide = (name: string, why: string): void => void hidden.push({ target: `${PROJECT_TARGET}/${name}`, why });

  frame.push({ path: "groups", isDirectory: true });
  for (const folder of [GLOBAL_FOLDER, ...folders.toSorted()]) {
    const isGlobal = folder === GLOBAL_FOLDER;
    mount(`groups/${folder}`, true, false, isGlobal ? "memory that all groups read" : "the group's folder");
    // Its place is in the folder that was just mounted, not in the frame.
    if (!isGlobal) mounts.push(logsOf(home, folder));
  }
  const entries = await entriesOf(home);
  const hasContract = entries.some(({ name }) => name === CONTRACT);
  for (const entry of entries) {
    const name = entry.name.toLowerCase();
    const byContract = hasContract ? hiddenByContract.get(name) : undefined;
    const secret = /\.env/i.test(name) ? "secrets" : (hiddenNames.get(name) ?? byContract);
    if (secret !== undefined) hide(entry.name, secret);
    else if (name === WORKERS) hide(entry.name, "the workers' directories");
    else if (temporary.test(entry.name))
      hide(entry.name, "a temporary file, which may hold a copy of anything and be gone at once");
    else if (entry.isOther) hide(entry.name, "a link or special file, which is not followed");
    else if (/[:,"\p{Cc}\ufffd]/u.test(entry.name)) hide(entry.name, "its name has a character that not every engine can mount");
    else if (!entry.isDirectory && !capabilities.fileMounts) hide(entry.name, "this engine mounts directories only");
    else if (readonlyNames.has(entry.name)) mount(entry.name, entry.isDirectory, true, readonlyNames.get(entry.name) ?? "");
    else if (entry.name !== "groups") mount(entry.name, entry.isDirectory, false, whyWritable(entry.uid, user));
  }
  for (const [name, why] of hiddenNames)
    if (!hidden.some(({ target }) => target === `${PROJECT_TARGET}/${name}`)) hide(name, why);
  if (!hidden.some(({ target }) => target === `${PROJECT_TARGET}/.env`)) hide(".env", "secrets");
  return { mounts, hidden: hidden.toSorted((a, b) => (a.target < b.target ? -1 : 1)), frame };
}

function logsOf(home: Home, folder: string): PlannedMount {
  const path = `groups/${folder}/logs`;
  const why = "the runs' logs, which only the host writes";
  return { source: join(home.root, path), target: `${PROJECT_TARGET}/${path}`, readonly: true, kind: "project", why };
}

function whyWritable(uid: number, user: AgentUser): string {
  if (!user.isGiven || uid === user.uid) return "part of the home: main may modify it";
  return `part of the home; it belongs to user ${uid}, so main reads it, and may modify it once it belongs to user ${user.uid}`;
}

interface Entry {
  readonly name: string;
  readonly isDirectory: boolean;
  /** Neither a directory nor a regular file. */
  readonly isOther: boolean;
  readonly uid: number;
}

async function entriesOf(home: Home): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const entry of await readdir(home.root, { withFileTypes: true })) {
    const isOther = !entry.isDirectory() && !entry.isFile();
    const uid = isOther ? -1 : ((await stat(join(home.root, entry.name)).catch(() => undefined))?.uid ?? -1);
    entries.push({ name: entry.name, isDirectory: entry.isDirectory(), isOther, uid });
  }
  return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
