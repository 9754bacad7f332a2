import { setTimeout as delay } from "node:timers/promises";
import { join } from "node:path";
import { NovaError, messageOf, quote } from "../../model/errors.ts";
import type { HeldDirectory } from "../home/held-directory.ts";
import { openHostDirectory } from "../home/host-directory.ts";
import type { Home } from "../home/home.ts";
import { tryFileLock, type FileLock } from "../turns/file-lock.ts";
import { emptyState, parseState, renderState, type TaskState } from "./stored-task.ts";

const fileName = "tasks.json";
const limitBytes = 512 * 1024 * 1024;
/** Whoever edits tasks from the command line has the lock for far less. */
const lockWaitMs = 5000;

/** What shall stand instead of what stands, and what the asker gets; an error refuses this change alone. */
type Change<T> = (state: TaskState) => { readonly state: TaskState; readonly value: T };

interface Waiting {
  apply(state: TaskState): TaskState;
  settle(failure: unknown): void;
}

/**
 * The tasks of a home in one file, which is replaced whole. One process has it at a time. Changes that come while the file is
 * being written go into the next file together.
 */
export class TaskStore {
  readonly #directory: HeldDirectory;
  readonly #lock: FileLock;
  #state: TaskState;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #isClosed = false;

  private constructor(directory: HeldDirectory, lock: FileLock, state: TaskState) {
    this.#directory = directory;
    this.#lock = lock;
    this.#state = state;
  }

  /** Rejects with `HOME_BUSY` when another process keeps the tasks, and with `HOME_INVALID` when the file cannot be read. */
  static async open(home: Home): Promise<TaskStore> {
    const directory = await openHostDirectory(home);
    let lock: FileLock | undefined;
    try {
      lock = await takeLock(join(directory.path, "tasks.lock"));
      for (const name of await directory.names()) {
        if (/^\.tasks\.json\.[0-9a-f]{12}\.tmp$/.test(name)) await directory.remove(name);
      }
      const text = await directory.read(fileName, limitBytes);
      return new TaskStore(directory, lock, text === undefined ? emptyState : parse(text, join(directory.path, fileName)));
    } catch (thrown) {
      lock?.release();
      await directory.close();
      throw thrown;
    }
  }

  /** The state as it is on disk. */
  get state(): TaskState {
    return this.#state;
  }

  /** Resolves when the changed state is on disk. Whatever rejects here has changed nothing. */
  async change<T>(change: Change<T>): Promise<T> {
    // Its directory's descriptor may be another's by now.
    if (this.#isClosed) throw new NovaError("SERVE_NOT_RUNNING", "The tasks are closed: `novabot serve` is ending.");
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let made: { readonly value: T } | undefined;
    this.#waiting.push({
      apply(state) {
        try {
          const changed = change(state);
          made = changed;
          return changed.state;
        } catch (thrown) {
          reject(thrown);
          return state;
        }
      },
      settle(failure) {
        if (failure !== undefined) reject(failure);
        else if (made) resolve(made.value);
      },
    });
    this.#writing ??= this.#writeAll();
    return await promise;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writing;
    await this.#directory.close();
    this.#lock.release();
  }

  async #writeAll(): Promise<void> {
    // What is asked for in the same moment is written together.
    await Promise.resolve();
    while (this.#waiting.length) {
      const batch = this.#waiting.splice(0);
      let next = this.#state;
      for (const waiting of batch) next = waiting.apply(next);
      let failure: unknown;
      try {
        if (next !== this.#state) await this.#directory.replace(fileName, renderState(next), 0o600, { sync: true });
        this.#state = next;
      } catch (thrown) {
        failure = thrown;
      }
      for (const waiting of batch) waiting.settle(failure);
    }
    // In the same breath as the last look at what waits.
    this.#writing = undefined;
  }
}

async function takeLock(path: string): Promise<FileLock> {
  for (let waited = 0; ; waited += 50) {
    const lock = tryFileLock(path);
    if (lock) return lock;
    if (waited >= lockWaitMs) {
      throw new NovaError("HOME_BUSY", "Another process keeps the tasks of this home.", {
        place: path,
        next: "A `novabot serve` that answers takes the command itself; see whether it hangs.",
      });
    }
    await delay(50);
  }
}

function parse(text: string, path: string): TaskState {
  try {
    return parseState(text);
  } catch (cause) {
    throw new NovaError("HOME_INVALID", `The tasks in ${quote(path, 400)} cannot be read: ${messageOf(cause).slice(0, 300)}`, {
      place: path,
      next: "Mend the file, or move it away: NovaBot then begins without tasks.",
      cause,
    });
  }
}
