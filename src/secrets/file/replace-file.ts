import { randomBytes } from "node:crypto";
import { constants, type BigIntStats } from "node:fs";
import { lstat, open, readdir, readFile, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { hasCode, NovaError, reasonOf } from "../../model/errors.ts";
import { lockFile } from "./lock.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface Replacement {
  /** Absolute; its directory is there. */
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly mode: number;
  /** Who shall own the file; left alone when it is undefined. */
  readonly owner?: Owner | undefined;
  /**
   * What the file held when it was read, and null when it was not there: somebody else's change meanwhile is noticed. Left out, whatever is there gives way.
   */
  readonly expected?: string | null | undefined;
  /** Looks at what was written, through the file system, before it takes the old file's place. */
  readonly verify?: (bytes: Uint8Array) => void;
}

/**
 * Puts a whole new file in the place of another, or none: a new file of random name beside it, exclusive and private, synced,
 * given its owner, renamed over the old one, and the directory synced. After a failure the old file is as it was and the new one is
 * gone; a kill leaves at most the new one, which nobody else can read and which the next writer removes.
 */
export async function replaceFile({ path, content, mode, owner, expected, verify }: Replacement): Promise<void> {
  const lock = await lockFile(path);
  const draft = join(dirname(path), `${draftPrefix(path)}${randomBytes(6).toString("hex")}`);
  try {
    await removeDrafts(path);
    await refuseOddFile(path);
    const file = await open(draft, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    try {
      const bytes = Buffer.from(content as string);
      await file.writeFile(bytes);
      if (owner !== undefined) await file.chown(owner.uid, owner.gid);
      await file.chmod(mode);
      await file.sync();
      const written = Buffer.alloc(bytes.length + 1);
      const { bytesRead } = await file.read(written, 0, written.length, 0);
      if (bytesRead !== bytes.length || !bytes.equals(written.subarray(0, bytesRead))) {
        throw new NovaError("SECRETS_INVALID", "What was written reads back as something else.", { place: path });
      }
      verify?.(written.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
    if (expected !== undefined) await refuseChanged(path, expected);
    lock.check();
    await rename(draft, path);
  } catch (thrown) {
    await unlink(draft).catch(() => undefined);
    if (thrown instanceof NovaError) throw thrown;
    throw new NovaError("SECRETS_INVALID", `The file could not be written: ${reasonOf(thrown)}.`, {
      place: path,
      next: "The old file is as it was. See that the disk has room and that the directory belongs to you.",
      cause: thrown,
    });
  } finally {
    lock.release();
  }
  const directory = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function draftPrefix(path: string): string {
  return `.${basename(path)}.novabot-`;
}

/** Drafts of writers that were killed; the lock says that none of them lives. */
async function removeDrafts(path: string): Promise<void> {
  const prefix = draftPrefix(path);
  for (const entry of await readdir(dirname(path), { withFileTypes: true })) {
    const isDraft = entry.name.startsWith(prefix) && /^[0-9a-f]{12}$/.test(entry.name.slice(prefix.length));
    if (isDraft && !entry.isDirectory()) await unlink(join(dirname(path), entry.name));
  }
}

/** A link would be replaced by the file instead of leading to it, and a directory or a device is no file of secrets. */
async function refuseOddFile(path: string): Promise<void> {
  let found: BigIntStats;
  try {
    found = await lstat(path, { bigint: true });
  } catch (thrown) {
    if (hasCode(thrown, "ENOENT")) return;
    throw thrown;
  }
  if (found.isFile()) return;
  throw new NovaError(
    "SECRETS_INVALID",
    `${found.isSymbolicLink() ? "A link" : "Something that is no file"} stands where the file must.`,
    {
      place: path,
      next: "Look at what put it there, then move it away.",
    },
  );
}

async function refuseChanged(path: string, expected: string | null): Promise<void> {
  let now: string | null;
  try {
    now = await readFile(path, "utf8");
  } catch (thrown) {
    if (!hasCode(thrown, "ENOENT")) throw thrown;
    now = null;
  }
  if (now === expected) return;
  const what = expected === null ? "The file was made" : now === null ? "The file was removed" : "The file was changed";
  throw new NovaError("SECRETS_INVALID", `${what} by somebody else meanwhile; nothing was written.`, {
    place: path,
    next: "Look at it, then do yours again.",
    facts: { meanwhile: true },
  });
}

/** Whether nothing was written because somebody else wrote first. */
export function isMeanwhile(thrown: unknown): boolean {
  return thrown instanceof NovaError && thrown.facts["meanwhile"] === true;
}
