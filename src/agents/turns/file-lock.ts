import { setTimeout as delay } from "node:timers/promises";
import { DatabaseSync } from "node:sqlite";

/** A lock on a file that the kernel drops when its process ends, however it ends. */
export interface FileLock {
  /** Gives the lock up; the file stays. */
  release(): void;
}

const BUSY = 5;
const CANNOT_OPEN = 14;
const NO_DATABASE = 26;
const lookAgainMs = 100;
/** A lock must not end because whoever has it is no longer reachable, and so collected, while the process lives. */
const held = new Set<DatabaseSync>();

/**
 * Takes the lock on the file at `path`, which is made when it is missing; undefined when another has it. SQLite is here for
 * its file lock alone, which Node has no other call for: the file holds no data. Takes well under a millisecond.
 */
export function tryFileLock(path: string): FileLock | undefined {
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

/** Whether somebody has the lock on the file at `path`. Asking neither makes the file nor is in another asker's way. */
export function isFileLocked(path: string): boolean {
  let file: DatabaseSync | undefined;
  try {
    file = new DatabaseSync(path, { readOnly: true, timeout: 0 });
    file.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (thrown) {
    if (codeOf(thrown) === BUSY) return true;
    // What is missing, or is no lock file of ours, nobody has locked.
    if ([CANNOT_OPEN, NO_DATABASE].includes(Number(codeOf(thrown)))) return false;
    throw thrown;
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
