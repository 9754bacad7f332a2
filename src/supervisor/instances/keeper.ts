import { reasonOf } from "../../model/errors.ts";
import { type Wanted, wantedFile, writeWanted } from "./wanted-file.ts";

/** A disk that did not take the file is tried again after so long. */
const RETRY_MS = 5_000;
/** An instance that crashes without a pause must not keep the disk busy. */
const SOON_MS = 100;

/** Keeps the file of instances as the instances are: one write at a time, and many changes in one. A failure is told once, and mended when the disk takes it again. */
export class Keeper {
  readonly #directory: string;
  readonly #present: () => Wanted;
  readonly #tell: (message: string) => void;
  #isDirty = false;
  #isClosed = false;
  #writing: Promise<void> | null = null;
  #isTold = false;
  #retry: NodeJS.Timeout | undefined;
  #later: NodeJS.Timeout | undefined;

  constructor(directory: string, present: () => Wanted, tell: (message: string) => void) {
    this.#directory = directory;
    this.#present = present;
    this.#tell = tell;
  }

  /** Resolves when what is there now is on the disk, or was told not to be. */
  keep(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#isDirty = true;
    // What changes while a write is under way is in the next one, which the same promise waits for.
    this.#writing ??= this.#write();
    return this.#writing;
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
    clearTimeout(this.#retry);
    clearTimeout(this.#later);
    const last = this.keep();
    this.#isClosed = true;
    await last;
    clearTimeout(this.#retry);
  }

  async #write(): Promise<void> {
    // The start of a process must not wait for the making of this text.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#isDirty) {
      this.#isDirty = false;
      clearTimeout(this.#retry);
      try {
        await writeWanted(this.#directory, this.#present());
        if (this.#isTold) this.#tell(`The file of instances ${wantedFile(this.#directory)} is written again.`);
        this.#isTold = false;
      } catch (thrown) {
        if (!this.#isTold) {
          this.#tell(
            `The file of instances ${wantedFile(this.#directory)} could not be written (${reasonOf(thrown)}): after the next boot they would be as they were before. See that the disk has room.`,
          );
        }
        this.#isTold = true;
        if (!this.#isClosed) this.#retry = setTimeout(() => void this.keep(), RETRY_MS).unref();
      }
    }
    this.#writing = null;
  }
}
