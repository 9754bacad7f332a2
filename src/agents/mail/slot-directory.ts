import { constants, lstatSync, watch, type BigIntStats, type Dir, type FSWatcher } from "node:fs";
import { link, lstat, open, opendir, rename, rmdir, unlink } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { hasCode } from "../../model/errors.ts";
import type { HeldDirectory } from "../home/held-directory.ts";

/** A file's name as the bytes that it is: agents may choose names that are no text. */
export type FileName = Buffer;

/** Names that the host gives for a moment to what it is about to remove. */
export const LEAVING_PREFIX = ".novabot-leaving-";

/** What the same file keeps until somebody changes it. */
export function identityOf(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}:${stat.ctimeNs}:${stat.size}`;
}

/** The stat of what stands at `path`, which is no link's target; undefined when nothing is there or it cannot be looked at. */
export function glance(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** The calls on a directory that an agent can write, whose names may be any bytes and any number. None follows a link in it. */
export class SlotDirectory {
  readonly held: HeldDirectory;

  constructor(held: HeldDirectory) {
    this.held = held;
  }

  #at(name: FileName | string): Buffer {
    return Buffer.concat([Buffer.from(`${this.held.place}/`), Buffer.from(name)]);
  }

  /** A reading of the names that goes on where it stopped, and holds a few at a time. */
  async names(): Promise<NameReading> {
    // Node's types know names as texts alone.
    const options = { encoding: "buffer" as BufferEncoding, bufferSize: 128 };
    return new NameReading(await opendir(this.held.place, options));
  }

  async look(name: FileName | string): Promise<BigIntStats | undefined> {
    try {
      return await lstat(this.#at(name), { bigint: true });
    } catch (thrown) {
      if (hasCode(thrown, "ENOENT")) return undefined;
      throw thrown;
    }
  }

  /** The bytes of the regular file `name`, at most `limit` and one of them, with its stat from before and after. */
  async read(name: FileName, limit: number): Promise<{ bytes: Buffer; before: BigIntStats; after: BigIntStats }> {
    const file = await open(this.#at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const before = await file.stat({ bigint: true });
      const buffer = Buffer.allocUnsafe(before.isFile() ? Math.min(Number(before.size), limit) + 1 : 0);
      let length = 0;
      while (length < buffer.length) {
        const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return { bytes: buffer.subarray(0, length), before, after: await file.stat({ bigint: true }) };
    } finally {
      await file.close();
    }
  }

  /**
   * Removes the file `name` if it still is the one that `identity` tells of. It gets another name first: whatever an agent puts at
   * its place in the meantime is not removed with it. False when there is something else now.
   */
  async removeSame(name: FileName, identity: string): Promise<boolean> {
    const found = await this.look(name);
    if (!found) return true;
    if (identityOf(found) !== identity) return false;
    const leaving = `${LEAVING_PREFIX}${randomBytes(8).toString("hex")}`;
    await this.#writing(async () => await rename(this.#at(name), this.#at(leaving)));
    const moved = await this.look(leaving);
    if (!moved) return true;
    // A rename changes the time of change and nothing else.
    const isSame =
      moved.dev === found.dev && moved.ino === found.ino && moved.mtimeNs === found.mtimeNs && moved.size === found.size;
    if (isSame || (await this.#tryLink(leaving, name))) await unlink(this.#at(leaving));
    else await rename(this.#at(leaving), this.#at(`${leaving.slice(1)}.json`));
    return isSame;
  }

  /** Removes a file, link or empty directory; false when it is a directory that is not empty. */
  async remove(name: FileName | string): Promise<boolean> {
    const found = await this.look(name);
    try {
      if (found?.isDirectory()) await this.#writing(async () => await rmdir(this.#at(name)));
      else if (found) await this.#writing(async () => await unlink(this.#at(name)));
    } catch (thrown) {
      if (hasCode(thrown, "ENOTEMPTY", "EEXIST")) return false;
      if (!hasCode(thrown, "ENOENT")) throw thrown;
    }
    return true;
  }

  /** Moves what stands at `name` to `target` in `to`, over nothing; false when that name is taken. */
  async moveTo(to: SlotDirectory, name: FileName | string, target: string): Promise<boolean> {
    if (await to.look(target)) return false;
    const found = await this.look(name);
    if (found && !found.isDirectory()) {
      try {
        await to.#writing(async () => await link(this.#at(name), to.#at(target)));
        await this.#writing(async () => await unlink(this.#at(name)));
        return true;
      } catch (thrown) {
        if (hasCode(thrown, "EEXIST")) return false;
        // The kernel may refuse second names for what belongs to others; file systems may have none at all.
        if (!hasCode(thrown, "EPERM", "EMLINK", "ENOTSUP", "EOPNOTSUPP")) throw thrown;
        await to.remove(target);
      }
    }
    // A directory replaces nothing but an empty directory.
    const move = async (): Promise<void> => {
      await to.#writing(async () => await this.#writing(async () => await rename(this.#at(name), to.#at(target))));
    };
    try {
      await move();
    } catch (thrown) {
      if (!hasCode(thrown, "EACCES") || !found?.isDirectory()) throw thrown;
      // A directory that moves is written to: it gets another parent.
      const moving = await this.held.directory(name.toString());
      try {
        await moving.setMode(0o755);
      } finally {
        await moving.close();
      }
      await move();
    }
    return true;
  }

  /** Calls `happened` when something in the directory changes; undefined where the system watches no more. */
  watch(happened: () => void): FSWatcher | undefined {
    try {
      const watcher = watch(this.held.place, { persistent: false }, happened);
      watcher.on("error", () => watcher.close());
      return watcher;
    } catch {
      return undefined;
    }
  }

  async close(): Promise<void> {
    await this.held.close();
  }

  async #tryLink(from: string, to: FileName): Promise<boolean> {
    try {
      await link(this.#at(from), this.#at(to));
      return true;
    } catch {
      return false;
    }
  }

  /** An agent that runs as the host's own user may take the directory's rights away; they are given back once. */
  async #writing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      if (!hasCode(thrown, "EACCES")) throw thrown;
      await this.held.setMode(0o755).catch(() => undefined);
      await work();
    }
  }
}

/** A directory's names, a few at a time. */
export class NameReading {
  readonly #directory: Dir;

  constructor(directory: Dir) {
    this.#directory = directory;
  }

  /** Up to `limit` more names; `isOver` when there are none after them. */
  async next(limit: number): Promise<{ names: FileName[]; isOver: boolean }> {
    const names: FileName[] = [];
    while (names.length < limit) {
      const entry = await this.#directory.read();
      if (!entry) return { names, isOver: true };
      names.push(Buffer.from(entry.name));
    }
    return { names, isOver: false };
  }

  async close(): Promise<void> {
    await this.#directory.close();
  }
}
