import { setTimeout as delay } from "node:timers/promises";
import { lstatSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** A lock on a file that the kernel drops when its process ends, however it ends. */
export interface FileLock {
  /** Gives the lock up; the file stays. */
  release(): void;
}

const BUSY = 5;
const NO_DATABASE = 26;
const lookAgainMs = 100;
const mostTries = 10;
const pause = new Int32Array(new SharedArrayBuffer(4));
/** A lock must not end because whoever has it is no longer reachable, and so collected, while the process lives. */
const held = new Set<DatabaseSync>();

/**
 * Takes the lock on the file at `path`, which is made when it is missing; undefined when another has it. SQLite is here for
 * its file lock alone, which Node has no other call for: the file holds no data. Takes well under a millisecond.
 */
export function tryFileLock(path: string): FileLock | undefined {
  // SQLite takes a lock in steps, and two who try (or one who tries and one who asks) can turn each other away: then nobody has it.
  for (let tries = 0; tries < mostTries; tries += 1) {
    const lock = tryOnce(path);
    if (lock) return lock;
    if (isFileLocked(path)) return undefined;
    // The other may be waiting for the processor.
    Atomics.wait(pause, 0, 0, 1);
  }
  return undefined;
}

function tryOnce(path: string): FileLock | undefined {
  const file = new DatabaseSync(path, { timeout: 0 });
  try {
    file.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (thrown) {
    file.close();
    if (codeOf(thrown) === BUSY) return undefined;
    throw thrown;
  }
  held.add(file);
  return {
    release() {
      held.delete(file);
      file.close();
    },
  };
}

/**
 * Whether somebody has the lock on the file at `path`. Asking neither makes the file nor is in another asker's way. On doubt
 * (the file may not be read, or no descriptor is left to read it with) the lock counts as held.
 */
export function isFileLocked(path: string): boolean {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isFile()) return false;
  let file: DatabaseSync | undefined;
  try {
    file = new DatabaseSync(path, { readOnly: true, timeout: 0 });
    file.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (thrown) {
    // Something else than a lock file of ours is nobody's lock.
    return codeOf(thrown) !== NO_DATABASE;
  } finally {
    file?.close();
  }
}

/** Runs `work` while no other process does with the same file. `onWait` is called once when somebody else has the lock. */
export async function withFileLock<T>(path: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  let lock = tryFileLock(path);
  if (!lock) onWait();
  while (!lock) {
    await delay(lookAgainMs);
    lock = tryFileLock(path);
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && "errcode" in thrown ? thrown.errcode : undefined;
}
