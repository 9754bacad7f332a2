import type { MountEntry } from "./kernel-facts.ts";

/** Where a directory really is: the file system, and the path in it. Two mounts of it have the same, wherever they are mounted. */
export interface Location {
  readonly device: string;
  readonly root: string;
}

/**
 * The mount that a path leads to: mounts lie on mounts, and the last one on a place hides what was there, also when it was put over a directory
 * above. Undefined when the table has no root.
 */
export function mountAt(mounts: readonly MountEntry[], path: string): MountEntry | undefined {
  const ids = new Set(mounts.map(({ id }) => id));
  // The root's parent lies outside of what the process sees.
  let current = mounts.find((mount) => mount.target === "/" && (!ids.has(mount.parent) || mount.parent === mount.id));
  const passed = new Set<number>();
  while (current && !passed.has(current.id)) {
    passed.add(current.id);
    const above: MountEntry = current;
    const next = mounts
      .filter((mount) => mount.parent === above.id && mount.id !== above.id && isBelow(path, mount.target))
      // Walking the path, the one nearest to the root is met first.
      .reduce<MountEntry | undefined>(
        (first, mount) => (!first || mount.target.length < first.target.length ? mount : first),
        undefined,
      );
    if (!next) return current;
    current = next;
  }
  return current;
}

/** Mounts that can be reached below `path`, that of `path` itself left out. */
export function mountsBelow(mounts: readonly MountEntry[], path: string): MountEntry[] {
  return mounts.filter(
    (mount) => mount.target !== path && isBelow(mount.target, path) && mountAt(mounts, mount.target)?.id === mount.id,
  );
}

/** Where `path` lies, as a process with these mounts reaches it. `path` has no links in it. */
export function locate(mounts: readonly MountEntry[], path: string): Location | undefined {
  const mount = mountAt(mounts, path);
  if (!mount) return undefined;
  const rest = mount.target === "/" ? path : path.slice(mount.target.length);
  return { device: mount.device, root: joined(mount.root, rest) };
}

/** Whether `inner` is `outer` or lies in it. */
export function holds(outer: Location, inner: Location): boolean {
  return outer.device === inner.device && isBelow(inner.root, outer.root);
}

export function isBelow(path: string, directory: string): boolean {
  return path === directory || directory === "/" || path.startsWith(`${directory}/`);
}

function joined(root: string, rest: string): string {
  const path = `${root === "/" ? "" : root}/${rest.replace(/^\//, "")}`.replace(/\/$/, "");
  return path === "" ? "/" : path;
}
