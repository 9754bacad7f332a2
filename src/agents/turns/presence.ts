import { readdir, rename, rm, stat } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { NovaError, messageOf, quote } from "../../model/errors.ts";
import type { Home } from "../home/home.ts";
import { openHostDirectory } from "../home/host-directory.ts";
import { type FileLock, isFileLocked, tryFileLock } from "./file-lock.ts";

/** Nobody takes longer from making the file to its lock. */
const unbornMs = 60_000;

/**
 * This process's sign of life in a home: a file lock that ends with the process. Others ask whether a host is alive by
 * looking at the lock, so neither process ids that are used again nor clocks matter.
 */
export class Presence {
  readonly id: string;
  readonly #directory: string;
  readonly #lock: FileLock;

  private constructor(id: string, directory: string, lock: FileLock) {
    this.id = id;
    this.#directory = directory;
    this.#lock = lock;
  }

  static async claim(home: Home): Promise<Presence> {
    const directory = join(home.host, "alive");
    await makeDirectory(home);
    const id = randomBytes(8).toString("hex");
    // Locked under a name that nobody asks for, then renamed: it is never seen unlocked.
    const unborn = join(directory, `.${id}`);
    let lock: FileLock | undefined;
    try {
      lock = tryFileLock(unborn);
    } catch (thrown) {
      throw new NovaError("HOME_INVALID", `Cannot write in ${quote(directory, 400)}: ${messageOf(thrown)}.`, {
        place: directory,
        next: "See that the disk has room and that the home belongs to the user who runs NovaBot.",
        cause: thrown,
      });
    }
    if (!lock) throw new NovaError("INTERNAL", `The new file ${quote(unborn, 400)} is locked by another process.`);
    await rename(unborn, join(directory, id));
    return new Presence(id, directory, lock);
  }

  /** Whether the host `id` still runs. Takes well under a millisecond. */
  isAlive(id: string): boolean {
    if (id === this.id) return true;
    if (!/^[0-9a-f]{16}$/.test(id)) return false;
    const path = join(this.#directory, id);
    return isFileLocked(path);
  }

  /** Removes what dead hosts left; gives how many they were. */
  async sweep(): Promise<number> {
    let dead = 0;
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name);
      if (name === this.id) continue;
      // One that begins with a dot died between its lock and its name, or is about to take the lock: not even to be asked.
      if (name.startsWith(".") && Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? 0) < unbornMs) continue;
      if (isFileLocked(path)) continue;
      await rm(path, { force: true });
      dead += 1;
    }
    return dead;
  }

  async release(): Promise<void> {
    await rm(join(this.#directory, this.id), { force: true });
    this.#lock.release();
  }
}

async function makeDirectory(home: Home): Promise<void> {
  const host = await openHostDirectory(home);
  try {
    await (await host.ensureDirectory("alive", 0o700)).close();
  } finally {
    await host.close();
  }
}
