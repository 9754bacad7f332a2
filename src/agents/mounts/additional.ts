import { realpath, stat } from "node:fs/promises";
import { basename, isAbsolute, join, posix, sep } from "node:path";
import { NovaError, messageOf, quote } from "../../model/errors.ts";
import type { AdditionalMount, Group } from "../../model/group.ts";
import { EXTRA_TARGET } from "../../model/workspace.ts";
import type { Allowlist, AllowedRoot } from "./allowlist.ts";
import { blockedSegments } from "./allowlist.ts";
import type { PlannedMount } from "./planned-mount.ts";

export interface AdditionalMountsContext {
  readonly allowlist: Allowlist | undefined;
  readonly allowlistFile: string;
  /** The installation's home; nothing in it and nothing that holds it can be an extra mount. */
  readonly home: string;
  /** The home directory of the user who runs NovaBot. */
  readonly userHome: string;
  readonly fileMounts: boolean;
  /** Every registered group: another one's agent may be writing where this one's mount begins. */
  readonly groups: readonly Group[];
}

/**
 * The group's additional mounts after every rule: real paths first, then blocked names, then allowed roots, then the target.
 * Rejects with `MOUNT_REFUSED`, naming the mount and the rule; a group with one refused mount gets none.
 */
export async function planAdditionalMounts(group: Group, context: AdditionalMountsContext): Promise<PlannedMount[]> {
  const planned: PlannedMount[] = [];
  for (const [index, mount] of (group.containerConfig?.additionalMounts ?? []).entries()) {
    const place = `group ${group.folder}, containerConfig.additionalMounts[${index}]`;
    planned.push(await planOne(group, mount, place, context));
  }
  await refuseWritableAround(group, planned, context);
  const targets = planned.map((mount) => mount.target).toSorted();
  for (const [index, target] of targets.entries()) {
    const next = targets.slice(index + 1).find((other) => other === target || other.startsWith(`${target}/`));
    if (next !== undefined) {
      throw refused(
        `group ${group.folder}, containerConfig.additionalMounts`,
        `two mounts meet at ${quote(next)}`,
        "Give each mount a containerPath of its own, none inside another.",
      );
    }
  }
  return planned;
}

/**
 * A directory that another group's agent may write can have its entries swapped for links between the check of a path and
 * its mounting, so no mount begins below one.
 */
async function refuseWritableAround(
  group: Group,
  planned: readonly PlannedMount[],
  context: AdditionalMountsContext,
): Promise<void> {
  if (!planned.length) return;
  const asked = (group.containerConfig?.additionalMounts ?? []).map(({ hostPath }) => expandHome(hostPath, context.userHome));
  const places = [...planned.map(({ source }) => source), ...(await Promise.all(asked.map(placesOnTheWay))).flat()];
  for (const other of context.groups) {
    if (other.folder === group.folder) continue;
    for (const mount of other.containerConfig?.additionalMounts ?? []) {
      // One that is refused is never mounted, so its agent writes nothing there.
      const theirs = await planOne(other, mount, "", context).catch(() => undefined);
      if (!theirs || theirs.readonly) continue;
      const inside = places.find((place) => place !== theirs.source && isWithin(place, theirs.source));
      if (inside === undefined) continue;
      throw refused(
        `group ${group.folder}, containerConfig.additionalMounts`,
        `${quote(inside)} lies in ${quote(theirs.source)}, which the agent of ${other.folder} may write, and so could replace by a link`,
        `Make that mount of ${other.folder} read-only, or mount directories that do not lie in each other.`,
      );
    }
  }
}

/** Every place that the way to `path` leads over, where a link could stand. */
async function placesOnTheWay(path: string): Promise<string[]> {
  const places: string[] = [];
  let at = "/";
  for (const segment of path.split(sep).filter((name) => name !== "")) {
    const place = join(at, segment);
    places.push(place);
    at = await realpath(place);
  }
  return places;
}

async function planOne(
  group: Group,
  mount: AdditionalMount,
  place: string,
  context: AdditionalMountsContext,
): Promise<PlannedMount> {
  const requested = expandHome(mount.hostPath, context.userHome);
  if (!isAbsolute(requested) || /[\0-\x1f]/.test(requested)) {
    throw refused(place, `the host path ${quote(mount.hostPath)} is not absolute`, "Write a path that begins with / or ~/.");
  }
  const target = checkContainerPath(mount.containerPath ?? basename(requested), place);
  if (!context.allowlist) {
    throw refused(
      place,
      `there is no allowlist, so ${quote(mount.hostPath)} is not allowed`,
      `Allow a root in ${context.allowlistFile}, or remove the mount.`,
    );
  }
  let source: string;
  let isDirectory: boolean;
  try {
    source = await realpath(requested);
    const found = await stat(source);
    isDirectory = found.isDirectory();
    if (!isDirectory && !found.isFile()) {
      throw refused(place, `${quote(mount.hostPath)} is neither a directory nor a regular file`, "Mount a directory.");
    }
  } catch (thrown) {
    if (thrown instanceof NovaError) throw thrown;
    throw refused(
      place,
      `the host path ${quote(mount.hostPath)} cannot be resolved: ${messageOf(thrown)}`,
      "Make the directory first, or mend the path.",
    );
  }
  if (/[:,"\0-\x1f]/.test(source)) {
    throw refused(
      place,
      `${quote(source)} has a character that not every engine can mount`,
      "Choose a path without colons, commas, quotes and control characters.",
    );
  }
  if (!isDirectory && !context.fileMounts) {
    throw refused(
      place,
      `${quote(source)} is a file, and this engine mounts directories only`,
      "Mount the directory that holds it.",
    );
  }
  refuseBlocked(requested, source, place, context.allowlist);
  refuseOverlap(source, place, context);
  const root = await findRoot(source, place, context);
  const mayWrite = mount.readonly === false && root.allowReadWrite && (group.isMain || !context.allowlist.nonMainReadOnly);
  return {
    source,
    target,
    readonly: !mayWrite,
    kind: "extra",
    why: `asked for by the group, below the allowed root ${root.path}${mayWrite ? "" : `; ${whyReadOnly(group, mount, root)}`}`,
  };
}

function whyReadOnly(group: Group, mount: AdditionalMount, root: AllowedRoot): string {
  if (mount.readonly !== false) return "read-only as asked";
  if (!root.allowReadWrite) return "read-only because the root does not allow writing";
  return `read-only because nonMainReadOnly holds for ${group.folder}`;
}

function expandHome(path: string, userHome: string): string {
  if (path === "~") return userHome;
  return path.startsWith("~/") ? join(userHome, path.slice(2)) : path;
}

/** `path` as an absolute target below `/workspace/extra`. Only plain names: a target ends up in an engine's mount syntax. */
export function checkContainerPath(path: string, place: string): string {
  const segments = path.split("/");
  const plain = segments.every((segment) => /^[A-Za-z0-9._@+-]{1,128}$/.test(segment) && segment !== "." && segment !== "..");
  if (!plain) {
    throw refused(
      place,
      `the containerPath ${quote(path)} is not valid`,
      "Use a relative path of letters, digits and . _ @ + -, for example webapp or libs/core.",
    );
  }
  return posix.join(EXTRA_TARGET, path);
}

function refuseBlocked(requested: string, source: string, place: string, allowlist: Allowlist): void {
  const blocked = new Set([...blockedSegments, ...allowlist.blockedPatterns].map((name) => name.toLowerCase()));
  for (const path of [requested, source]) {
    for (const segment of path.split(sep)) {
      const name = segment.toLowerCase();
      if (blocked.has(name) || name.startsWith(".env.")) {
        throw refused(
          place,
          `${quote(path)} has the blocked name ${quote(segment)} in it`,
          "Mount a directory without that name in its path.",
        );
      }
    }
  }
}

/** Nothing that holds NovaBot's own state, the allowlist or the user's whole home, and nothing inside NovaBot's home. */
function refuseOverlap(source: string, place: string, context: AdditionalMountsContext): void {
  if (isWithin(source, context.home)) {
    throw refused(place, `${quote(source)} lies in NovaBot's own home`, "Mount a directory outside of it.");
  }
  for (const [held, what] of [
    [context.home, "NovaBot's home"],
    [context.allowlistFile, "the mount allowlist"],
    [context.userHome, "your home directory"],
  ] as const) {
    if (isWithin(held, source)) {
      throw refused(place, `${quote(source)} holds ${what}`, "Mount a directory further down.");
    }
  }
}

async function findRoot(source: string, place: string, context: AdditionalMountsContext): Promise<AllowedRoot> {
  let best: { root: AllowedRoot; path: string } | undefined;
  for (const root of context.allowlist?.allowedRoots ?? []) {
    const expanded = expandHome(root.path, context.userHome);
    if (!isAbsolute(expanded)) continue;
    // A root that is not there allows nothing.
    const path = await realpath(expanded).catch(() => undefined);
    if (path !== undefined && isWithin(source, path) && (!best || path.length > best.path.length)) best = { root, path };
  }
  if (!best) {
    throw refused(
      place,
      `${quote(source)} is not below any allowed root`,
      `Add a root to ${context.allowlistFile}, or remove the mount.`,
    );
  }
  return best.root;
}

/** Whether `path` is `directory` or below it, segment by segment. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}

function refused(place: string, reason: string, next: string): NovaError {
  return new NovaError("MOUNT_REFUSED", `The mount is refused: ${reason}.`, { place, next });
}
