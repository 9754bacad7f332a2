import { constants } from "node:fs";
import { open, readdir, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { NovaError, quote, reasonOf } from "../../model/errors.ts";
import { commitLine, readSegment, segmentName, segmentNumber } from "./segment.ts";

/** The calls that can fail when a disk does; tests put their own in. */
export interface JournalFile {
  write(bytes: Buffer, position: number): Promise<void>;
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

export interface JournalOptions<T> {
  /** A directory that only this journal uses, and one process at a time: the caller holds a lock. */
  readonly directory: string;
  /** Throws when a record is not one. */
  readonly parse: (value: unknown) => T;
  /** Called with each record in order: while opening with those that stand, later with each as soon as it is on the disk. */
  readonly apply: (record: T) => void;
  /** Records that say in short what all records so far said. Taken up while nothing is applied. */
  readonly snapshot: () => Iterable<T>;
  /** A segment is not compacted below this many bytes. */
  readonly compactBytes?: number;
  /** Told of a compaction that failed; the segment then grows on. */
  readonly onTrouble?: (thrown: unknown) => void;
  readonly openFile?: (path: string, isNew: boolean) => Promise<JournalFile>;
}

interface Waiting<T> {
  readonly record: T;
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** A commit beyond this many bytes is written before more joins it. */
const commitBytes = 4 * 1024 * 1024;
const defaultCompactBytes = 8 * 1024 * 1024;

/**
 * An append-only file of records that survives `kill -9` and power loss: what was acknowledged is there, what was not may be.
 * Appends that come while the disk is busy share its next sync.
 */
export class Journal<T> {
  readonly #options: JournalOptions<T>;
  readonly #openFile: (path: string, isNew: boolean) => Promise<JournalFile>;
  #file: JournalFile;
  #number: number;
  /** The bytes of the segment that are whole and known. */
  #bytes: number;
  #compactAt: number;
  /** A write failed: behind `#bytes` may stand anything. */
  #dirty = false;
  #waiting: Waiting<T>[] = [];
  #working: Promise<void> | null = null;
  #closed = false;

  private constructor(options: JournalOptions<T>, file: JournalFile, number: number, bytes: number) {
    this.#options = options;
    this.#openFile = options.openFile ?? openJournalFile;
    this.#file = file;
    this.#number = number;
    this.#bytes = bytes;
    this.#compactAt = Math.max(options.compactBytes ?? defaultCompactBytes, bytes * 2);
  }

  /** Applies what stands in the directory and opens it for more. Rejects with `QUEUE_DAMAGED`, and then has changed nothing. */
  static async open<T>(options: JournalOptions<T>): Promise<Journal<T>> {
    const { directory } = options;
    const names = await readdir(directory);
    const numbers = names.flatMap((name) => segmentNumber(name) ?? []).toSorted((a, b) => a - b);
    const number = numbers.at(-1) ?? 1;
    const path = join(directory, segmentName(number));
    const isNew = numbers.length === 0;
    const whole = isNew ? 0 : await readSegment(path, (record) => options.apply(options.parse(record)));
    const file = await (options.openFile ?? openJournalFile)(path, isNew).catch((thrown: unknown) => {
      throw cannotWrite(path, thrown);
    });
    try {
      await file.truncate(whole);
      await file.sync();
      if (isNew) await syncDirectory(directory);
      // A compaction that was cut short left its half, or the segment that it replaced.
      for (const name of names) {
        const old = segmentNumber(name);
        if (name.endsWith(".tmp") || (old !== undefined && old < number)) await rm(join(directory, name), { force: true });
      }
    } catch (thrown) {
      await file.close().catch(() => undefined);
      throw cannotWrite(path, thrown);
    }
    return new Journal(options, file, number, whole);
  }

  /** The bytes of the present segment. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Resolves when the record is on the disk and applied. Rejects with `HOME_INVALID` when it could not be written, and is then
   * not applied; later appends are tried again.
   */
  async append(record: T): Promise<void> {
    if (this.#closed) throw new NovaError("INTERNAL", "The journal is closed.", { next: "Start `novabot serve` again." });
    const text = JSON.stringify(record);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ record, text, resolve, reject });
    this.#working ??= this.#work();
    await promise;
  }

  /** Resolves when everything that was appended is on the disk, and closes the file. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#working) await this.#working;
    await this.#file.close();
  }

  async #work(): Promise<void> {
    // Whoever appends in this turn of the event loop joins the first commit.
    await Promise.resolve();
    while (this.#waiting.length) {
      const batch = this.#takeBatch();
      try {
        await this.#commit(batch.map(({ text }) => text));
      } catch (thrown) {
        const error = cannotWrite(join(this.#options.directory, segmentName(this.#number)), thrown);
        for (const { reject } of batch) reject(error);
        continue;
      }
      for (const { record, resolve, reject } of batch) {
        try {
          this.#options.apply(record);
          resolve();
        } catch (thrown) {
          reject(thrown);
        }
      }
      if (this.#bytes > this.#compactAt) await this.#compact();
    }
    this.#working = null;
  }

  #takeBatch(): Waiting<T>[] {
    let bytes = 0;
    const end = this.#waiting.findIndex(({ text }) => (bytes += text.length) > commitBytes);
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : Math.max(1, end));
  }

  async #commit(records: readonly string[]): Promise<void> {
    if (this.#dirty) {
      await this.#file.truncate(this.#bytes);
      this.#dirty = false;
    }
    const line = commitLine(records);
    this.#dirty = true;
    try {
      await this.#file.write(line, this.#bytes);
      await this.#file.sync();
    } catch (thrown) {
      // What half of it may be there must not come back after a crash, when the caller was told that it is not.
      await this.#file.truncate(this.#bytes).catch(() => undefined);
      throw thrown;
    }
    this.#dirty = false;
    this.#bytes += line.length;
  }

  async #compact(): Promise<void> {
    const { directory, snapshot, compactBytes = defaultCompactBytes } = this.#options;
    const name = segmentName(this.#number + 1);
    const temporary = join(directory, `${name}.tmp`);
    let file: JournalFile | undefined;
    try {
      await rm(temporary, { force: true });
      file = await this.#openFile(temporary, true);
      let bytes = 0;
      for (const line of commitLines(snapshot())) {
        await file.write(line, bytes);
        bytes += line.length;
      }
      await file.sync();
      await rename(temporary, join(directory, name));
      await syncDirectory(directory);
      const old = { file: this.#file, name: segmentName(this.#number) };
      this.#file = file;
      file = undefined;
      this.#number += 1;
      this.#bytes = bytes;
      this.#dirty = false;
      this.#compactAt = Math.max(compactBytes, bytes * 2);
      await old.file.close().catch(() => undefined);
      await rm(join(directory, old.name), { force: true });
    } catch (thrown) {
      await file?.close().catch(() => undefined);
      // Also under its new name: the old segment goes on, and would be older than this one at the next start.
      await rm(temporary, { force: true }).catch(() => undefined);
      if (segmentName(this.#number) !== name) await rm(join(directory, name), { force: true }).catch(() => undefined);
      this.#compactAt = this.#bytes + compactBytes;
      this.#options.onTrouble?.(thrown);
    }
  }
}

function* commitLines(records: Iterable<unknown>): Generator<Buffer> {
  let batch: string[] = [];
  let bytes = 0;
  for (const record of records) {
    const text = JSON.stringify(record);
    batch.push(text);
    bytes += text.length;
    if (bytes < 256 * 1024) continue;
    yield commitLine(batch);
    batch = [];
    bytes = 0;
  }
  if (batch.length) yield commitLine(batch);
}

async function openJournalFile(path: string, isNew: boolean): Promise<JournalFile> {
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | (isNew ? constants.O_CREAT | constants.O_EXCL : 0);
  const handle = await open(path, flags, 0o600);
  return {
    write: async (bytes, position) => await writeAll(handle, bytes, position),
    sync: async () => await handle.datasync(),
    truncate: async (length) => await handle.truncate(length),
    close: async () => await handle.close(),
  };
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function cannotWrite(path: string, thrown: unknown): NovaError {
  return new NovaError("HOME_INVALID", `Cannot write the journal ${quote(path, 400)}: ${reasonOf(thrown)}.`, {
    place: path,
    next: "See that the disk has room and that the home belongs to the user who runs NovaBot.",
    cause: thrown,
  });
}
