import { chown, lstat, realpath, stat } from "node:fs/promises";
import { relative, sep } from "node:path";
import { HeldDirectory } from "../../agents/home/held-directory.ts";
import type { ContractModule } from "../../contract/declaration/contract.ts";
import { hasCode } from "../../model/errors.ts";

export interface FolderOwner {
  readonly uid: number;
  readonly gid: number;
  /** The engine's user ids are not the host's, so that nothing can be given to a container's user by number. */
  readonly shiftsIDs: boolean;
}

/**
 * Makes what the module mounts from its own folder, before the engine would make it as root's. What its container writes belongs to the
 * container's user, the directory alone and nothing in it; what it only reads is left as it is. Directories that lie in one that a container writes are
 * reached without following links, since it may put one there at any moment. Rejects with `HOME_UNSAFE_PATH` for links and files.
 */
export async function prepareFolders(module: ContractModule, owner: FolderOwner): Promise<void> {
  for (const { source, readonly } of module.mounts) {
    const path = relative(module.folder, source);
    if (path === "" || path.startsWith(`..${sep}`) || path === "..") continue;
    if (readonly && (await isFile(source))) continue;
    // The folder itself is the person's: a link to it is theirs.
    let directory = await HeldDirectory.open(await realpath(module.folder));
    try {
      for (const part of path.split(sep)) {
        const parent = directory;
        directory = await parent.ensureDirectory(part, readonly ? 0o755 : 0o750);
        await parent.close();
      }
      if (!readonly) await give(directory, owner);
    } finally {
      await directory.close();
    }
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile();
  } catch (thrown) {
    if (hasCode(thrown, "ENOENT", "ENOTDIR")) return false;
    throw thrown;
  }
}

async function give(directory: HeldDirectory, { uid, gid, shiftsIDs }: FolderOwner): Promise<void> {
  if (shiftsIDs) return await directory.setMode(0o777);
  if (process.getuid?.() !== 0) return;
  const found = await stat(directory.place);
  // Somebody else's is a decision of theirs: only what root has made, as a copy or a checkout does, is given away.
  if (found.uid === 0 && uid !== 0) await chown(directory.place, uid, gid);
}
