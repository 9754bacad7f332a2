import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { mkdir, realpath, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { NovaError, hasCode, quote, reasonOf } from "../../model/errors.ts";

/** The directory of one installation. `root` is absolute and holds no links. */
export interface Home {
  readonly root: string;
  /** What the installation's containers carry in `novabot.home`: 16 hexadecimal digits of the machine and the directory. */
  readonly label: string;
  readonly groups: string;
  readonly data: string;
  readonly envFile: string;
  readonly registry: string;
  /** What the running hosts keep of themselves: presence, turns, records of runs. No container sees it. */
  readonly host: string;
}

/** Opens the home at `path`, and makes it (mode 0700) when it is missing and `create` says so. */
export async function openHome(path: string, options: { readonly create: boolean }): Promise<Home> {
  const absolute = resolve(path);
  if (/[\0-\x1f,:"]/.test(absolute)) {
    throw new NovaError(
      "HOME_INVALID",
      `The home ${quote(absolute, 400)} has a character in its path that not every engine can mount.`,
      {
        place: "NOVABOT_HOME or --home",
        next: "Choose a path without commas, colons, quotes and control characters.",
      },
    );
  }
  const next = options.create
    ? "Choose a directory that you may write."
    : "Make it with `novabot up` or `novabot groups add`, or name another one with --home.";
  const refuse = (reason: string, cause?: unknown, mend = next): NovaError =>
    new NovaError("HOME_INVALID", `The home ${quote(absolute, 400)} cannot be used: ${reason}.`, {
      place: "NOVABOT_HOME or --home",
      next: mend,
      cause,
    });
  if (absolute === "/") throw refuse("it is the root of the file system", undefined, "Choose a directory of its own.");
  try {
    if (options.create) await makeDirectories(absolute);
    const root = await realpath(absolute);
    if ((await stat(root)).isDirectory()) return describeHome(root);
  } catch (thrown) {
    throw refuse(hasCode(thrown, "ENOENT") ? "it is not there" : reasonOf(thrown), thrown);
  }
  throw refuse("it is not a directory", undefined, "Choose a directory.");
}

/** One after the other: a recursive mkdir of Node goes round for ever where the kernel makes no directories (`/proc`). */
async function makeDirectories(path: string): Promise<void> {
  if (await isThere(path)) return;
  await makeDirectories(dirname(path));
  await mkdir(path, { mode: 0o700 }).catch((thrown: unknown) => {
    if (!hasCode(thrown, "EEXIST")) throw thrown;
  });
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (thrown) {
    if (hasCode(thrown, "ENOENT")) return false;
    throw thrown;
  }
}

/**
 * The parts of a home. Its label is of the machine and the directory itself, not of its path: a home that was moved, or is
 * reached by another path, finds its containers; a copy of it does not take them for its own.
 */
export function describeHome(root: string, machine: string = machineID()): Home {
  const { dev, ino } = statSync(root, { bigint: true });
  return {
    root,
    label: createHash("sha256").update(`${machine}\0${dev}\0${ino}`).digest("hex").slice(0, 16),
    groups: join(root, "groups"),
    data: join(root, "data"),
    envFile: join(root, ".env"),
    registry: join(root, "data/registered_groups.json"),
    host: join(root, "data/host"),
  };
}

function machineID(): string {
  try {
    return readFileSync("/etc/machine-id", "utf8").trim() || hostname();
  } catch {
    return hostname();
  }
}
