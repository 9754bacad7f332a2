import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { lstat, open, realpath, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hasCode, NovaError, quote, reasonOf } from "../../model/errors.ts";
import { isBelow } from "../report/paths.ts";

/**
 * Puts `after` in the place of a file that still holds `before`, in one step, with the file's mode and owner. A symbolic link stays one: the
 * file that it leads to is written. Rejects with CHECK_FIX_FAILED when the file is not below `root`, is no plain file any more, or holds
 * something else by now; then it is as it was.
 */
export async function replaceFile(file: string, before: string, after: string, root: string): Promise<void> {
  const target = await realpath(file).catch((thrown: unknown) => refuse(file, `cannot be found: ${reasonOf(thrown)}`, thrown));
  if (!isBelow(target, await realpath(root))) {
    return refuse(file, target === file ? `lies outside ${quote(root)}` : `leads to ${quote(target)}, outside ${quote(root)}`);
  }
  const draft = join(dirname(target), `.novabot-fix-${randomBytes(8).toString("hex")}`);
  try {
    const { mode, uid, gid, ino, dev, mark } = await readSame(target, before, file);
    const handle = await open(draft, "wx", 0o600);
    try {
      await writeLike(handle, mark + after, { mode, uid, gid });
    } finally {
      await handle.close();
    }
    // What an editor wrote in the meantime is not lost.
    const now = await lstat(target);
    if (now.ino !== ino || now.dev !== dev) return refuse(file, "was replaced by somebody while it was mended");
    await readSame(target, before, file);
    await rename(draft, target);
  } catch (thrown) {
    await rm(draft, { force: true });
    if (thrown instanceof NovaError) throw thrown;
    return refuse(file, `cannot be written: ${reasonOf(thrown)}`, thrown);
  }
  await syncDirectory(dirname(target));
}

/** The file's facts, when its text is `text`. `mark` is the byte order mark that reading left out. */
async function readSame(
  target: string,
  text: string,
  told: string,
): Promise<{ mode: number; uid: number; gid: number; ino: number; dev: number; mark: string }> {
  // A pipe would hold the open for ever without O_NONBLOCK.
  const handle = await open(target, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) return refuse(told, "is no plain file any more");
    if (stat.size > 4 * text.length + 3) return refuse(told, "was changed since it was read");
    const bytes = await handle.readFile();
    const read = decoded(bytes);
    if (read === undefined) return refuse(told, "is not UTF-8, or was changed since it was read");
    const mark = read !== text && read.startsWith("\ufeff") && read.slice(1) === text ? "\ufeff" : "";
    if (mark + text !== read) return refuse(told, "was changed since it was read");
    return { mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, ino: stat.ino, dev: stat.dev, mark };
  } finally {
    await handle.close();
  }
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

async function writeLike(handle: FileHandle, text: string, like: { mode: number; uid: number; gid: number }): Promise<void> {
  await handle.writeFile(text);
  const made = await handle.stat();
  // Before the mode: a change of owner takes set-id bits away.
  if (made.uid !== like.uid || made.gid !== like.gid) await handle.chown(like.uid, like.gid);
  await handle.chmod(like.mode);
  await handle.sync();
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } catch (thrown) {
    // Some file systems cannot; the rename is done all the same.
    if (!hasCode(thrown, "EINVAL", "ENOTSUP", "EPERM")) throw thrown;
  } finally {
    await handle.close();
  }
}

function refuse(file: string, why: string, cause?: unknown): never {
  throw new NovaError("CHECK_FIX_FAILED", `${quote(file)} ${why}; it was left as it is.`, { place: file, cause });
}
