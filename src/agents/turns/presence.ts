import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Home } from "../home/home.ts";

/**
 * This process's sign of life in a home: a lock that the kernel drops when the process ends, however it ends. Others ask
 * whether a host is alive by trying the lock, so neither process ids that are used again nor clocks matter. SQLite is
 * here for its file lock alone, which Node has no other call for; the files hold no data.
 */
export class Presence {
  readonly id: string;
  readonly #directory: string;
  readonly #lock: DatabaseSync;

  private constructor(id: string, directory: string, lock: DatabaseSync) {
    this.id = id;
    this.#directory = directory;
    this.#lock = lock;
  }

  static async claim(home: Home): Promise<Presence> {
    const directory = join(home.host, "alive");
    await mkdir(home.data, { recursive: true, mode: 0o755 });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const id = randomBytes(8).toString("hex");
    // Locked under a name that nobody asks for, then renamed: it is never seen unlocked.
    const unborn = join(directory, `.${id}`);
    const lock = new DatabaseSync(unborn, { timeout: 0 });
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    await rename(unborn, join(directory, id));
    return new Presence(id, directory, lock);
  }

  /** Whether the host `id` still runs. Takes well under a millisecond. */
  isAlive(id: string): boolean {
    if (id === this.id) return true;
    if (!/^[0-9a-f]{16}$/.test(id)) return false;
    const path = join(this.#directory, id);
    if (!existsSync(path)) return false;
    let probe: DatabaseSync | undefined;
    try {
      probe = new DatabaseSync(path, { timeout: 0 });
      probe.exec("BEGIN EXCLUSIVE");
      return false;
    } catch {
      return true;
    } finally {
      probe?.close();
    }
  }

  /** Removes what dead hosts left; gives how many they were. */
  async sweep(): Promise<number> {
    let dead = 0;
    for (const id of await readdir(this.#directory)) {
      if (id.startsWith(".") || this.isAlive(id)) continue;
      await rm(join(this.#directory, id), { force: true });
      dead += 1;
    }
    return dead;
  }

  async release(): Promise<void> {
    await rm(join(this.#directory, this.id), { force: true });
    this.#lock.close();
  }
}
