import { closeSync, constants, lstatSync, openSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { known, unknown, type Known } from "../../../contract/live/kernel-facts.ts";
import { isBelow } from "../../../contract/live/mount-tree.ts";
import type { ExpectedMount, LogFacts } from "../../../contract/live/subject.ts";
import { hasCode, reasonOf } from "../../../model/errors.ts";

/** What a log file was when it was first looked at. */
export interface LogMark {
  readonly sizeBytes: number;
  readonly writtenAtMs: number;
  readonly atMs: number;
}

/** Log files by container and path, over all the rounds of one check. */
export type LogMarks = Map<string, LogMark>;

/**
 * The log file at `target` in the container, from the host. The container may write the directory: every step down to the file is opened without
 * following links, and the file itself is only looked at, never opened, since it may be a pipe that waits for ever.
 */
export function readLog(
  target: string,
  mounts: readonly ExpectedMount[],
  marks: LogMarks,
  container: string,
  now: number,
): Known<LogFacts> {
  const mount = mounts
    .filter((one) => isBelow(target, one.target) && one.source !== undefined)
    .toSorted((a, b) => b.target.length - a.target.length)[0];
  if (mount?.source === undefined) return unknown(`${target} lies on no declared mount`);
  const path = join(mount.source, relative(mount.target, target));
  const stat = lookBelow(mount.source, relative(mount.target, target));
  if (!stat.known) return stat;
  const base = { path, lookedAtMs: now, grew: false, watchedMs: 0 };
  if (typeof stat.value === "string") return known({ ...base, kind: stat.value, sizeBytes: 0, writtenAtMs: 0 });
  const { size: sizeBytes, mtimeMs: writtenAtMs } = stat.value;
  const key = `${container} ${path}`;
  const mark = marks.get(key);
  if (!mark) marks.set(key, { sizeBytes, writtenAtMs, atMs: now });
  const grew = mark !== undefined && (sizeBytes > mark.sizeBytes || writtenAtMs > mark.writtenAtMs);
  // From here on it has to grow again.
  if (grew) marks.set(key, { sizeBytes, writtenAtMs, atMs: now });
  return known({ ...base, kind: "file", sizeBytes, writtenAtMs, grew, watchedMs: mark ? now - mark.atMs : 0 });
}

function lookBelow(
  root: string,
  rest: string,
): Known<"link" | "fifo" | "other" | "missing" | { readonly size: number; readonly mtimeMs: number }> {
  const names = rest.split("/").filter(Boolean);
  const last = names.pop();
  if (last === undefined) return known("other");
  let descriptor: number | undefined;
  try {
    descriptor = openDirectory(root);
    for (const name of names) {
      const next = openDirectory(join(at(descriptor, root), name));
      closeSync(descriptor);
      descriptor = next;
    }
    const found = lstatSync(join(at(descriptor, join(root, dirname(rest))), last), { throwIfNoEntry: false });
    if (!found) return known("missing");
    if (found.isSymbolicLink()) return known("link");
    if (found.isFIFO()) return known("fifo");
    return found.isFile() ? known({ size: found.size, mtimeMs: found.mtimeMs }) : known("other");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return known("missing");
    if (hasCode(error, "ELOOP", "ENOTDIR")) return known("link");
    return unknown(`${join(root, rest)} cannot be looked at: ${reasonOf(error)}`);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function openDirectory(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

function at(descriptor: number, path: string): string {
  return process.platform === "linux" ? `/proc/self/fd/${descriptor}` : path;
}
