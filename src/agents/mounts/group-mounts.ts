import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Group } from "../../model/group.ts";
import { GLOBAL_FOLDER } from "../../model/names.ts";
import { ENV_TARGET, GLOBAL_TARGET, GROUP_TARGET, IPC_TARGET, PROJECT_TARGET, SESSION_TARGET } from "../../model/workspace.ts";
import type { Home } from "../home/home.ts";
import type { PlannedMount } from "./planned-mount.ts";

/** Parts of the home that no container may read, each with what it holds. Everything else in `data` main may read. */
const hiddenDirectories: readonly (readonly [path: string, holds: string])[] = [
  ["store", "the adapters' credentials and the database"],
  ["secrets", "secrets"],
  ["data/env", "the agents' env files"],
  ["data/sessions", "the groups' conversations"],
  ["data/ipc", "the groups' mail slots"],
  ["data/host", "the running hosts' own state"],
];

/** The empty directory and the empty file that masks are made of. */
export function maskSources(home: Home): { readonly directory: string; readonly file: string } {
  return { directory: join(home.host, "empty/directory"), file: join(home.host, "empty/file") };
}

/** What every group gets of the home. Sources may not exist yet; `prepareHome` makes them. */
export function stateMounts(home: Home, group: Group): PlannedMount[] {
  const mounts: PlannedMount[] = [
    state(join(home.groups, group.folder), GROUP_TARGET, false, "the group's own folder, and its working directory"),
    state(join(home.groups, group.folder, "logs"), `${GROUP_TARGET}/logs`, true, "the runs' logs, which only the host writes"),
  ];
  if (!group.isMain) {
    mounts.push(state(join(home.groups, GLOBAL_FOLDER), GLOBAL_TARGET, true, "memory that all groups read"));
  }
  mounts.push(
    state(join(home.data, "sessions", group.folder, ".claude"), SESSION_TARGET, false, "the group's own conversations"),
    state(join(home.data, "ipc", group.folder), IPC_TARGET, false, "the group's own mail slots"),
    state(join(home.data, "env", group.folder), ENV_TARGET, true, "the env file with the allowed names"),
  );
  return mounts;
}

/**
 * What main gets beside that: the whole home, with what no container may read masked. Directories whose entries decide what
 * other containers will see are mounted on themselves (a mount point cannot be renamed or replaced by a link), and the
 * entries of `groups` and `data` are the host's alone to make.
 */
export async function projectMounts(home: Home, folders: readonly string[]): Promise<PlannedMount[]> {
  const masks = maskSources(home);
  const mounts: PlannedMount[] = [
    state(home.root, PROJECT_TARGET, false, "the home: main may modify it"),
    pin(home, "data", true, "read-only: what the host decides by"),
    pin(home, "groups", true, "read-only: only the host makes and removes groups' folders"),
  ];
  for (const folder of [GLOBAL_FOLDER, ...folders.toSorted()]) {
    mounts.push(
      pin(home, `groups/${folder}`, false, folder === GLOBAL_FOLDER ? "memory that all groups read" : "the group's folder"),
    );
    if (folder !== GLOBAL_FOLDER)
      mounts.push(pin(home, `groups/${folder}/logs`, true, "the runs' logs, which only the host writes"));
  }
  for (const [path, holds] of hiddenDirectories) {
    mounts.push({
      source: masks.directory,
      target: `${PROJECT_TARGET}/${path}`,
      readonly: true,
      kind: "mask",
      why: `hides ${holds}`,
    });
  }
  for (const entry of await envFiles(home)) {
    const source = entry.isDirectory ? masks.directory : masks.file;
    mounts.push({ source, target: `${PROJECT_TARGET}/${entry.name}`, readonly: true, kind: "mask", why: "hides secrets" });
  }
  return mounts;
}

/**
 * `.env` and everything else of the home that is called `.env…`; `.env` is hidden even before it exists. Links are left
 * out: they hold nothing but a path, and a mount on one would land where it points.
 */
async function envFiles(home: Home): Promise<{ name: string; isDirectory: boolean }[]> {
  const entries = await readdir(home.root, { withFileTypes: true }).catch(() => []);
  const found = entries
    .filter((entry) => entry.name.toLowerCase().startsWith(".env") && !entry.isSymbolicLink())
    .map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }));
  if (!found.some((entry) => entry.name === ".env")) found.push({ name: ".env", isDirectory: false });
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function state(source: string, target: string, readonly: boolean, why: string): PlannedMount {
  return { source, target, readonly, kind: "state", why };
}

function pin(home: Home, path: string, readonly: boolean, why: string): PlannedMount {
  return { source: join(home.root, path), target: `${PROJECT_TARGET}/${path}`, readonly, kind: "pin", why };
}
