import { setImmediate as nextTurn } from "node:timers/promises";
import { reasonOf } from "../../model/errors.ts";
import { type Wanted, wantedFile, writeWanted } from "./wanted-file.ts";

/** A disk that did not take the file is tried again after so long. */
const RETRY_MS = 5_000;
/** An instance that crashes without a pause must not keep the disk busy. */
const SOON_MS = 100;
/** Nobody who starts or stops an instance waits longer than this for a disk that is slow; it is written all the same. */
const PATIENCE_MS = 1_000;

/** Keeps the file of instances as the instances are: one write at a time, and many changes in one. A failure is told once, and so is its mending. */
export class Keeper {
  readonly #directory: string;
  readonly #present: () => Wanted;
  readonly #tell: (message: string) => void;
  /** The write that has not begun yet, and who waits for it. */
  #next: PromiseWithResolvers<void> | null = null;
  #isWriting = false;
  #isClosed = false;
  #hasFailed = false;
  #retry: NodeJS.Timeout | undefined;
  #later: NodeJS.Timeout | undefined;

  constructor(directory: string, present: () => Wanted, tell: (message: string) => void) {
    this.#directory = directory;
    this.#present = present;
    this.#tell = tell;
  }

  /** Resolves when what is there now is on the disk, was told not to be, or takes too long. */
  async keep(): Promise<void> {
    if (this.#isClosed) return;
    this.#next ??= Promise.withResolvers();
    const { promise } = this.#next;
    if (!this.#isWriting) void this.#write();
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, PATIENCE_MS);
    await Promise.race([promise, late.promise]);
    clearTimeout(timer);
  }

  /** For what changes often and by itself. */
  keepSoon(): void {
    if (this.#isClosed) return;
    this.#later ??= setTimeout(() => {
      this.#later = undefined;
      void this.keep();
    }, SOON_MS).unref();
  }

  /** Writes for the last time; later changes are not kept. */
  async close(): Promise<void> {
    const last = this.keep();
    this.#isClosed = true;
    clearTimeout(this.#later);
    clearTimeout(this.#retry);
    await last;
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    // The start of a process must not wait for the making of this text.
    await nextTurn();
    for (let writing = this.#next; writing !== null; writing = this.#next) {
      this.#next = null;
      await this.#writeOnce();
      writing.resolve();
    }
    this.#isWriting = false;
  }

  async #writeOnce(): Promise<void> {
    clearTimeout(this.#retry);
    const path = wantedFile(this.#directory);
    try {
      await writeWanted(this.#directory, this.#present());
      if (this.#hasFailed) this.#tell(`The file of instances ${path} is written again.`);
      this.#hasFailed = false;
    } catch (thrown) {
      if (!this.#hasFailed) {
        this.#tell(
          `The file of instances ${path} could not be written (${reasonOf(thrown)}): after the next boot they would be as they were before. See that the disk has room.`,
        );
      }
      this.#hasFailed = true;
      if (!this.#isClosed) this.#retry = setTimeout(() => void this.keep(), RETRY_MS).unref();
    }
  }
}
