import { linkSync, mkdirSync, readFileSync, readdirSync, unlinkSync, watch, writeFileSync, type FSWatcher } from "node:fs";
import { readFile, readdir, rm } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { NovaError, hasCode, quote, reasonOf } from "../../model/errors.ts";
import type { Presence } from "./presence.ts";

/** A place that is held until it is released. */
export interface Turn {
  /** Others were before it, so what was read before the wait may have changed. */
  readonly waited: boolean;
  /** A host that was before it has died, so what that host began may still be going on. */
  readonly afterDeath: boolean;
  release(): Promise<void>;
}

/** Removes what dead hosts left in all queues below `directory`: their tickets, and files that never became tickets. */
export async function sweepTurns(directory: string, presence: Presence): Promise<void> {
  for (const queue of await readdir(directory).catch(() => [])) {
    for (const name of await readdir(join(directory, queue)).catch(() => [])) {
      const path = join(directory, queue, name);
      const owner = await readFile(path, "utf8").catch(() => "");
      if (owner !== "" && !presence.isAlive(owner)) await rm(path, { force: true });
    }
  }
}

/** How often a waiter looks again even though no change was reported: some file systems report none. */
const lookAgainMs = 250;

/**
 * A queue in a directory, shared by all processes of a home: at most `capacity` hold a turn at once, in the order in which
 * they came. Each ticket is a numbered file that names its host. A ticket waits while `capacity` lower ones are alive; a
 * dead host's tickets are removed by whoever meets them. Every waiter is a ticket that the others look at, so a process
 * with many messages for one group keeps them itself and takes one ticket. The files are tiny and few and stand before every
 * answer, so calls are made at once, which is much shorter than the way through libuv's threads.
 */
export class TurnQueue {
  readonly #directory: string;
  readonly #capacity: number;
  readonly #presence: Presence;
  #isMade = false;

  constructor(directory: string, capacity: number, presence: Presence) {
    this.#directory = directory;
    this.#capacity = capacity;
    this.#presence = presence;
  }

  /** Resolves when it is this caller's turn; `onWait` is called when it is not yet. Rejects with `RUN_CANCELLED` when `signal` aborts first. */
  async take(signal?: AbortSignal, onWait?: () => void): Promise<Turn> {
    // Drawn before anything is waited for, so that this process's callers come in the order of their calls.
    const ticket = this.#drawOrSay();
    try {
      return { ...(await this.#await(ticket, signal, onWait)), release: async () => this.#drop(ticket) };
    } catch (thrown) {
      this.#drop(ticket);
      throw thrown;
    }
  }

  #drawOrSay(): number {
    try {
      return this.#draw();
    } catch (thrown) {
      throw thrown instanceof NovaError ? thrown : cannotQueue(this.#directory, thrown);
    }
  }

  /**
   * Makes a ticket with a number above all others. A listing may be stale by the time the ticket is made, so a ticket that
   * finds a higher one beside it withdraws and is drawn again: nobody slips in below a turn that is held.
   */
  #draw(): number {
    if (!this.#isMade) mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    this.#isMade = true;
    const temporary = join(this.#directory, `.${randomBytes(8).toString("hex")}`);
    try {
      writeFileSync(temporary, this.#presence.id, { flag: "wx", mode: 0o600 });
      for (;;) {
        const number = this.#numbers().reduce((a, b) => Math.max(a, b), 0) + 1;
        if (!this.#make(temporary, number)) continue;
        if (this.#numbers().every((other) => other <= number)) return number;
        this.#drop(number);
      }
    } finally {
      removeFile(temporary);
    }
  }

  #make(temporary: string, number: number): boolean {
    try {
      linkSync(temporary, this.#file(number));
      return true;
    } catch (thrown) {
      if (hasCode(thrown, "EEXIST")) return false;
      throw thrown;
    }
  }

  async #await(
    ticket: number,
    signal: AbortSignal | undefined,
    onWait: (() => void) | undefined,
  ): Promise<{ waited: boolean; afterDeath: boolean }> {
    let afterDeath = false;
    for (let waited = false; ; waited = true) {
      if (signal?.aborted) throw new NovaError("RUN_CANCELLED", "The run was cancelled while it waited for its turn.");
      // Watch first: a release between looking and watching would be missed.
      const change = waited ? this.#change(signal) : undefined;
      const before = this.#lookBefore(ticket);
      afterDeath ||= before.dead > 0;
      if (before.alive < this.#capacity) {
        change?.stop();
        return { waited, afterDeath };
      }
      if (!waited) onWait?.();
      await change?.happened;
    }
  }

  #lookBefore(ticket: number): { alive: number; dead: number } {
    const found = { alive: 0, dead: 0 };
    for (const number of this.#numbers()) {
      if (number >= ticket) continue;
      const owner = this.#ownerOf(number);
      if (owner === "released") continue;
      if (owner === "unknown" || this.#presence.isAlive(owner.id)) found.alive += 1;
      else {
        found.dead += 1;
        this.#drop(number);
      }
    }
    return found;
  }

  /** Whose ticket it is. One that cannot be read is somebody's all the same: on doubt, its turn counts. */
  #ownerOf(number: number): { id: string } | "released" | "unknown" {
    try {
      return { id: readFileSync(this.#file(number), "utf8") };
    } catch (thrown) {
      return hasCode(thrown, "ENOENT") ? "released" : "unknown";
    }
  }

  #change(signal: AbortSignal | undefined): { happened: Promise<void>; stop(): void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    let watcher: FSWatcher | undefined;
    const stop = (): void => {
      clearTimeout(timer);
      watcher?.close();
      signal?.removeEventListener("abort", stop);
      resolve();
    };
    const timer = setTimeout(stop, lookAgainMs);
    try {
      watcher = watch(this.#directory, { persistent: false }, stop);
      watcher.on("error", stop);
    } catch {
      // The system has no watchers left: the timer alone is slower, and does.
    }
    signal?.addEventListener("abort", stop, { once: true });
    return { happened: promise, stop };
  }

  #numbers(): number[] {
    return readdirSync(this.#directory)
      .filter((name) => /^\d{10}$/.test(name))
      .map(Number);
  }

  #file(number: number): string {
    return join(this.#directory, String(number).padStart(10, "0"));
  }

  #drop(number: number): void {
    removeFile(this.#file(number));
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (thrown) {
    if (!hasCode(thrown, "ENOENT")) throw thrown;
  }
}

function cannotQueue(directory: string, thrown: unknown): NovaError {
  return new NovaError("HOME_INVALID", `Cannot queue in ${quote(directory, 400)}: ${reasonOf(thrown)}.`, {
    place: directory,
    next: "See that the disk has room and that the home belongs to the user who runs NovaBot.",
    cause: thrown,
  });
}
