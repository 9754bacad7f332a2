import type { FSWatcher } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { z } from "zod";
import { NovaError, hasCode, messageOf, reasonOf } from "../../model/errors.ts";
import type { AgentUser } from "../home/agent-user.ts";
import { HeldDirectory } from "../home/held-directory.ts";
import { isMistake } from "./delivery.ts";
import type { ErrorsDirectory } from "./errors-directory.ts";
import type { Gate } from "./gate.ts";
import { readMailFile, type MailFile } from "./mail-file.ts";
import type { Rate } from "./rate.ts";
import { LEAVING_PREFIX, SlotDirectory, glance, type FileName, type NameReading } from "./slot-directory.ts";

export interface SlotOptions<T> {
  /** The group's `data/ipc/<folder>`, whose parents no agent can write. */
  readonly path: string;
  readonly name: "messages" | "tasks";
  readonly schema: z.ZodType<T>;
  readonly user: AgentUser;
  readonly errors: ErrorsDirectory;
  readonly gate: Gate;
  readonly rates: { readonly files: Rate; readonly bytes: Rate; readonly deliveries: Rate };
  /** Resolves when the mail is kept where it goes. */
  readonly deliver: (mail: T, id: string) => Promise<void>;
  readonly logger: Pick<Logger, "warn">;
  readonly signal: AbortSignal;
}

/** Names that are held at once; files that fit are taken in the order of their names. */
const namesAtOnce = 1000;
/** Changes come in swarms; one look serves all that come within this time. */
const breathMs = 20;
/** How soon a file that is not whole yet is looked at again. */
const unfinishedMs = 200;
/** A directory may change twice within one tick of the file system's clock. */
const clockTickMs = 100;
/** Files that can be neither removed nor moved; with more of them than this the slot is left alone for a while. */
const keptStuck = 1000;
const restMs = 60_000;
const longestBackoffMs = 30_000;

/** Reads one slot of one group: one file after the other, each delivered before it is removed. */
export class SlotReader<T> {
  readonly #options: SlotOptions<T>;
  #wake: (() => void) | undefined;
  #isAsked = true;
  #watcher: FSWatcher | undefined;
  /** The directory as it was when all of it had been read; undefined when there is more to read. */
  #readAt: string | undefined;
  readonly #stuck = new Map<string, string>();
  #restUntil = 0;
  #failures = 0;
  #lastWord = "";

  constructor(options: SlotOptions<T>) {
    this.#options = options;
  }

  /** Looks whether the directory has changed since it was read, which takes some microseconds. */
  tick(): void {
    if (this.#readAt === undefined || this.#readAt !== this.#glance()) this.#ask();
  }

  /** Reads until the signal aborts. Never rejects. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    const stop = (): void => this.#wake?.();
    signal.addEventListener("abort", stop, { once: true });
    try {
      while (!signal.aborted) {
        if (!this.#isAsked) await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
        this.#isAsked = false;
        if (isAborted(signal)) break;
        await this.#round();
      }
    } finally {
      signal.removeEventListener("abort", stop);
      this.#watcher?.close();
    }
  }

  #ask(): void {
    if (this.#isResting()) return;
    this.#isAsked = true;
    this.#wake?.();
  }

  async #round(): Promise<void> {
    const { signal, name } = this.#options;
    try {
      const again = await this.#readAll();
      this.#failures = 0;
      this.#lastWord = "";
      await delay(again ? unfinishedMs : breathMs, undefined, { signal, ref: false });
      if (again) this.#ask();
    } catch (thrown) {
      if (isAborted(signal)) return;
      this.#readAt = undefined;
      this.#failures += 1;
      const reason = thrown instanceof NovaError ? thrown.message : reasonOf(thrown);
      if (reason !== this.#lastWord) {
        this.#options.logger.warn({ slot: name, path: this.#options.path, reason }, "mail waits");
        this.#lastWord = reason;
      }
      const pause = Math.min(longestBackoffMs, 500 * 2 ** Math.min(this.#failures, 10));
      await delay(pause, undefined, { signal, ref: false }).catch(() => undefined);
      this.#ask();
    }
  }

  /** Reads all names there are; true when files are not whole yet. */
  async #readAll(): Promise<boolean> {
    const startedAt = Date.now();
    const before = this.#glance();
    const slots = await openSlots(this.#options.path);
    if (!slots) return false;
    try {
      const slot = new SlotDirectory(await slots.reclaimDirectory(this.#options.name));
      try {
        if (this.#options.user.shifted) await slot.held.setMode(0o777);
        else await slot.held.giveTo(this.#options.user);
        // Watched before it is read: what comes in between is reported.
        this.#watch(slot);
        const isWhole = await this.#readNames(slots, slot);
        this.#readAt = isWhole && before !== undefined && startedAt - changedAt(before) > clockTickMs ? before : undefined;
        return !isWhole && !this.#isResting();
      } finally {
        await slot.close();
      }
    } finally {
      await slots.close();
    }
  }

  /** A report ends the watch, so that an agent that makes a million files a minute makes no million reports. */
  #watch(slot: SlotDirectory): void {
    this.#watcher?.close();
    const watcher = slot.watch(() => {
      watcher?.close();
      this.#ask();
    });
    this.#watcher = watcher;
  }

  async #readNames(slots: HeldDirectory, slot: SlotDirectory): Promise<boolean> {
    const reading = await slot.names();
    let isWhole = true;
    try {
      for (let isOver = false; !isOver;) {
        const part = await this.#nextNames(reading, slot);
        isOver = part.isOver;
        for (const name of part.names) {
          if (isAborted(this.#options.signal) || this.#isResting()) return false;
          isWhole = (await this.#take(slots, slot, name)) && isWhole;
        }
      }
    } finally {
      await reading.close();
    }
    return isWhole;
  }

  async #nextNames(reading: NameReading, slot: SlotDirectory): Promise<{ names: FileName[]; isOver: boolean }> {
    const { names, isOver } = await reading.next(namesAtOnce);
    // Other names than mail's cost time too, and an agent may have made a million of them.
    if (!isOver) await delay(breathMs, undefined, { signal: this.#options.signal, ref: false });
    const mail: FileName[] = [];
    for (const name of names) {
      const text = name.toString("latin1");
      if (text.startsWith(LEAVING_PREFIX)) await slot.remove(name);
      else if (text.endsWith(".json") && !text.startsWith(".")) mail.push(name);
    }
    return { names: mail.toSorted((a, b) => a.compare(b)), isOver };
  }

  /** Deals with one file; false when it is not whole yet. */
  async #take(slots: HeldDirectory, slot: SlotDirectory, name: FileName): Promise<boolean> {
    const { gate, rates, signal, schema } = this.#options;
    await rates.files.take(1, signal);
    const known = this.#stuck.get(name.toString("hex"));
    const file = await gate.run(async () => await readMailFile(slot, name, schema));
    if (file.bytes > 0) await rates.bytes.take(file.bytes, signal);
    if (file.is === "gone") return true;
    if (file.is === "unfinished") return false;
    if (known === file.key) return true;
    if (file.is === "mail") return await this.#deliver(slots, slot, name, file);
    await this.#reject(slots, slot, name, file);
    return true;
  }

  async #deliver(
    slots: HeldDirectory,
    slot: SlotDirectory,
    name: FileName,
    file: MailFile<T> & { is: "mail" },
  ): Promise<boolean> {
    const { deliver, gate, rates, signal } = this.#options;
    await rates.deliveries.take(1, signal);
    try {
      await deliver(file.mail, file.id);
    } catch (thrown) {
      if (!isMistake(thrown)) throw thrown;
      await this.#reject(slots, slot, name, { ...file, is: "bad", error: thrown });
      return true;
    }
    try {
      return await gate.run(async () => await slot.removeSame(name, file.key));
    } catch (thrown) {
      this.#leave(name, file.key, thrown);
      return true;
    }
  }

  async #reject(slots: HeldDirectory, slot: SlotDirectory, name: FileName, file: MailFile<T> & { is: "bad" }): Promise<void> {
    const { errors, gate, user } = this.#options;
    try {
      await gate.run(async () => await errors.reject(slots, user, slot, name, file.error));
    } catch (thrown) {
      if (!hasCode(thrown, "ENOENT")) this.#leave(name, file.key, thrown);
    }
  }

  /** Remembers what cannot be taken away, so that it is not dealt with in every round again. */
  #leave(name: FileName, key: string, thrown: unknown): void {
    this.#stuck.set(name.toString("hex"), key);
    if (this.#stuck.size > keptStuck) {
      this.#stuck.clear();
      this.#restUntil = performance.now() + restMs;
    }
    const { path, name: slot, logger } = this.#options;
    if (this.#stuck.size <= 1)
      logger.warn({ slot, path, reason: messageOf(thrown) }, "a file of a mail slot cannot be taken away");
  }

  #isResting(): boolean {
    return performance.now() < this.#restUntil;
  }

  /** The directory as it is now; undefined when it has to be read whatever it is. */
  #glance(): string | undefined {
    // Where the directory comes over a share, the kernel there may not tell of changes made on the other side.
    if (process.platform !== "linux") return undefined;
    const found = glance(`${this.#options.path}/${this.#options.name}`);
    return found && `${found.dev}:${found.ino}:${found.ctimeNs}`;
  }
}

function changedAt(glanced: string): number {
  return Number(BigInt(glanced.split(":")[2] ?? 0) / 1_000_000n);
}

async function openSlots(path: string): Promise<HeldDirectory | undefined> {
  try {
    return await HeldDirectory.open(path);
  } catch (thrown) {
    if (hasCode(thrown, "ENOENT")) return undefined;
    throw thrown;
  }
}

/** Asked anew: what was seen before an await says nothing about what comes after it. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
