import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  type Stats,
} from "node:fs";
import { chmod, link, open, readdir, rename, unlink, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { randomBytes } from "node:crypto";
import { NovaError, hasCode, quote, reasonOf } from "../../model/errors.ts";

/** Who shall own what is made, as ids of the host; null leaves it to the process. */
export type Owner = { readonly uid: number; readonly gid: number } | null;

// Linux resolves a path that begins at an open descriptor; elsewhere the path itself is all there is.
const byDescriptor = process.platform === "linux";

/** No descriptor's number. */
const closed = -1;

function unsafe(path: string, found: string): NovaError {
  return new NovaError("HOME_UNSAFE_PATH", `${quote(path, 400)} is ${found}.`, {
    place: path,
    next: "Look at what put it there, then move it away; NovaBot makes a new one.",
  });
}

/**
 * A directory held open by its descriptor. Names are looked up in it one at a time and links are never followed, so a
 * container that can write in the directory cannot turn the host's reads and writes elsewhere, not even by swapping a
 * directory for a link at the right moment.
 *
 * Short calls are made at once and not in libuv's threads: each takes some 5 µs so and 100 µs so, and the hand-over of a prompt
 * makes dozens of them. What may take long (listing, writing, syncing) goes to the threads.
 */
export class HeldDirectory {
  /** The path for messages and for the engine. */
  readonly path: string;
  #descriptor: number;

  private constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  /** Opens `path`, whose parents the caller trusts. Rejects with `HOME_UNSAFE_PATH` when it is not a directory itself. */
  static async open(path: string): Promise<HeldDirectory> {
    return new HeldDirectory(path, await openDirectory(path, path));
  }

  /** Opens the directory at `names` below `root`, each step without following links; undefined when one is missing. */
  static async find(root: string, ...names: readonly string[]): Promise<HeldDirectory | undefined> {
    let held = await HeldDirectory.open(root);
    for (const name of names) {
      const parent = held;
      try {
        held = await parent.directory(name);
      } catch (thrown) {
        if (hasCode(thrown, "ENOENT")) return undefined;
        throw thrown;
      } finally {
        await parent.close();
      }
    }
    return held;
  }

  /** The text of the regular file at `path`, whose parents the caller trusts; undefined when it or its directory is missing. */
  static async readAt(path: string, limitBytes: number): Promise<string | undefined> {
    let directory: HeldDirectory;
    try {
      directory = await HeldDirectory.open(dirname(path));
    } catch (thrown) {
      if (hasCode(thrown, "ENOENT")) return undefined;
      throw thrown;
    }
    try {
      return await directory.read(basename(path), limitBytes);
    } finally {
      await directory.close();
    }
  }

  #at(name: string): string {
    if (name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0")) {
      throw new NovaError("INTERNAL", `${quote(name)} is not a file's name.`);
    }
    return join(this.place, name);
  }

  /** A path that leads to this directory and to no other for as long as it is held, for calls that are not made here. */
  get place(): string {
    // A descriptor that is no more would look like a directory without anything in it.
    if (this.#descriptor === closed) throw new NovaError("INTERNAL", `${quote(this.path, 400)} was closed already.`);
    return byDescriptor ? `/proc/self/fd/${this.#descriptor}` : this.path;
  }

  async directory(name: string): Promise<HeldDirectory> {
    const path = join(this.path, name);
    return new HeldDirectory(path, await openDirectory(this.#at(name), path));
  }

  /**
   * Opens the directory `name` and makes it, with exactly `mode`, when it is missing. What stands in its place and is no
   * directory is an error.
   */
  async ensureDirectory(name: string, mode = 0o755): Promise<HeldDirectory> {
    try {
      mkdirSync(this.#at(name), { mode });
    } catch (thrown) {
      if (hasCode(thrown, "EEXIST")) return await this.directory(name);
      throw cannot("make", join(this.path, name), thrown);
    }
    const made = await this.directory(name);
    // A strict umask would keep the agent out of what it needs.
    await made.setMode(mode);
    return made;
  }

  /** Like `ensureDirectory`, but a link or file that an agent left in its place is taken away first. */
  async reclaimDirectory(name: string, mode = 0o755): Promise<HeldDirectory> {
    const found = await this.lstat(name);
    if (found && !found.isDirectory()) await unlink(this.#at(name));
    return await this.ensureDirectory(name, mode);
  }

  async lstat(name: string): Promise<Stats | undefined> {
    try {
      return lstatSync(this.#at(name));
    } catch (thrown) {
      if (hasCode(thrown, "ENOENT")) return undefined;
      throw cannot("look at", join(this.path, name), thrown);
    }
  }

  async names(): Promise<string[]> {
    return await readdir(this.place);
  }

  /** The text of a regular file of at most `limitBytes`; undefined when there is none. */
  async read(name: string, limitBytes: number): Promise<string | undefined> {
    const path = join(this.path, name);
    let file: number;
    try {
      // Without O_NONBLOCK, opening a FIFO would wait for a writer.
      file = openSync(this.#at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (thrown) {
      if (hasCode(thrown, "ENOENT")) return undefined;
      if (hasCode(thrown, "ELOOP")) throw unsafe(path, "a link, where a regular file is expected");
      if (hasCode(thrown, "ENXIO")) throw unsafe(path, "a socket or device, where a regular file is expected");
      throw cannot("read", path, thrown);
    }
    try {
      const stat = fstatSync(file);
      if (!stat.isFile()) throw unsafe(path, "not a regular file");
      if (stat.size > limitBytes) throw unsafe(path, `${stat.size} bytes long; the limit is ${limitBytes}`);
      return readUpTo(file, limitBytes, path).toString("utf8");
    } finally {
      closeSync(file);
    }
  }

  /** Makes the file `name`, which must not be there: false when it is. */
  async create(name: string, data: string | Uint8Array, mode: number, owner: Owner = null): Promise<boolean> {
    let file: FileHandle;
    try {
      file = await open(this.#at(name), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode);
    } catch (thrown) {
      if (hasCode(thrown, "EEXIST")) return false;
      throw cannot("write", join(this.path, name), thrown);
    }
    try {
      await file.chmod(mode);
      await file.writeFile(data);
      if (owner) await file.chown(owner.uid, owner.gid);
    } catch (thrown) {
      await unlink(this.#at(name)).catch(() => undefined);
      throw cannot("write", join(this.path, name), thrown);
    } finally {
      await file.close();
    }
    return true;
  }

  /** Puts `data` in the place of the file `name` in one step: readers see the old file or the new one, never a part. */
  async replace(
    name: string,
    data: string,
    mode: number,
    options: { readonly owner?: Owner; readonly sync?: boolean } = {},
  ): Promise<void> {
    const temporary = `.${name}.${randomBytes(6).toString("hex")}.tmp`;
    await this.create(temporary, data, mode, options.owner ?? null);
    try {
      if (options.sync) await syncFile(this.#at(temporary));
      await rename(this.#at(temporary), this.#at(name));
      if (options.sync) await promisify(fsync)(this.#descriptor);
    } catch (thrown) {
      await unlink(this.#at(temporary)).catch(() => undefined);
      throw cannot("write", join(this.path, name), thrown);
    }
  }

  /** Removes the temporary files that `replace` left when its process was killed. Nobody else may be replacing here. */
  async removeTemporary(): Promise<void> {
    for (const name of await this.names()) if (/^\..+\.[0-9a-f]{12}\.tmp$/.test(name)) await this.remove(name);
  }

  /** Gives the file `from` the second name `to`; false when that name is taken. */
  async link(from: string, to: string): Promise<boolean> {
    try {
      await link(this.#at(from), this.#at(to));
      return true;
    } catch (thrown) {
      if (hasCode(thrown, "EEXIST")) return false;
      throw cannot("write", join(this.path, to), thrown);
    }
  }

  /** Removes a file or link; one that is gone is no error. */
  async remove(name: string): Promise<void> {
    await unlink(this.#at(name)).catch((thrown: unknown) => {
      if (!hasCode(thrown, "ENOENT")) throw cannot("remove", join(this.path, name), thrown);
    });
  }

  /**
   * Sees to it that `owner` may write in this directory and gives the directory to it when need be: the directory itself,
   * nothing below it. Rejects with `HOME_UNSAFE_PATH` when this process may not do that.
   */
  async giveTo(owner: { readonly uid: number; readonly gid: number }, mode = 0o755): Promise<void> {
    const stat = fstatSync(this.#descriptor);
    if (stat.uid === owner.uid && (stat.mode & 0o700) === 0o700) return;
    if (stat.gid === owner.gid && stat.uid !== owner.uid && (stat.mode & 0o070) === 0o070) return;
    if ((stat.mode & 0o007) === 0o007) return;
    try {
      if (stat.uid !== owner.uid) fchownSync(this.#descriptor, owner.uid, owner.gid);
      fchmodSync(this.#descriptor, (stat.mode & 0o777) | mode | 0o700);
    } catch (thrown) {
      throw new NovaError(
        "HOME_UNSAFE_PATH",
        `The agent (user ${owner.uid}) cannot write ${quote(this.path, 400)}, which belongs to user ${stat.uid}.`,
        {
          place: this.path,
          next: `Give it to the agent: chown ${owner.uid}:${owner.gid} ${this.path}`,
          cause: thrown,
        },
      );
    }
  }

  async setMode(mode: number): Promise<void> {
    fchmodSync(this.#descriptor, mode);
  }

  async close(): Promise<void> {
    const descriptor = this.#descriptor;
    if (descriptor === closed) return;
    // Its number may be another file's at once.
    this.#descriptor = closed;
    closeSync(descriptor);
  }
}

/** All that the file holds when it is read, which may be more than it held when it was looked at. */
function readUpTo(file: number, limitBytes: number, path: string): Buffer {
  const parts: Buffer[] = [];
  let total = 0;
  for (;;) {
    const part = Buffer.allocUnsafe(64 * 1024);
    const bytesRead = readSync(file, part, 0, part.length, null);
    if (bytesRead === 0) return Buffer.concat(parts);
    total += bytesRead;
    if (total > limitBytes) throw unsafe(path, `longer than ${limitBytes} bytes, the limit`);
    parts.push(part.subarray(0, bytesRead));
  }
}

const directoryOnly = constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Linux's O_PATH, which Node does not name: a descriptor of a place, for which no permission on the place is needed. */
const placeOnly = 0o10000000;

async function openDirectory(at: string, path: string): Promise<number> {
  const flags = constants.O_RDONLY | directoryOnly;
  try {
    try {
      return openSync(at, flags);
    } catch (thrown) {
      if (!hasCode(thrown, "EACCES") || !byDescriptor) throw thrown;
      await openUp(at);
      return openSync(at, flags);
    }
  } catch (thrown) {
    if (hasCode(thrown, "ELOOP", "ENOTDIR")) throw unsafe(path, "a link or file, where a directory is expected");
    if (hasCode(thrown, "ENOENT")) throw thrown;
    throw cannot("open", path, thrown);
  }
}

/** Gives a directory of this process's own user its owner's rights back: an agent that runs as that user may take them away. */
async function openUp(at: string): Promise<void> {
  const place = await open(at, placeOnly | directoryOnly);
  try {
    const { uid, mode } = await place.stat();
    if (uid === process.getuid?.()) await chmod(`/proc/self/fd/${place.fd}`, (mode & 0o777) | 0o700);
  } finally {
    await place.close();
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function cannot(what: string, path: string, thrown: unknown): unknown {
  if (thrown instanceof NovaError) return thrown;
  return new NovaError("HOME_INVALID", `Cannot ${what} ${quote(path, 400)}: ${reasonOf(thrown)}`, {
    place: path,
    next: "See that the disk has room and that the directory belongs to the user who runs NovaBot.",
    cause: thrown,
  });
}
