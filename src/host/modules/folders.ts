import { chmod, chown, lstat, mkdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { ContractModule } from "../../contract/declaration/contract.ts";
import { hasCode, NovaError } from "../../model/errors.ts";

export interface FolderOwner {
  readonly uid: number;
  readonly gid: number;
  /** The engine's user ids are not the host's, so that nothing can be given to a container's user by number. */
  readonly shiftsIDs: boolean;
}

/**
 * Makes what the module mounts from its own folder, before the engine would make it as root's. What its container writes belongs to the
 * container's user, the directory alone and nothing in it; what it only reads is left as it is. Rejects with `HOME_UNSAFE_PATH` for links and files.
 */
export async function prepareFolders(module: ContractModule, owner: FolderOwner): Promise<void> {
  for (const { source, readonly } of module.mounts) {
    const path = relative(module.folder, source);
    if (path === "" || path.startsWith(`..${sep}`) || path === "..") continue;
    let directory = module.folder;
    for (const part of path.split(sep)) {
      directory = join(directory, part);
      await makeDirectory(directory, readonly ? 0o755 : 0o750);
    }
    if (!readonly) await give(directory, owner);
  }
}

async function makeDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path, { mode }).catch((thrown: unknown) => {
    if (!hasCode(thrown, "EEXIST")) throw thrown;
  });
  if ((await lstat(path)).isDirectory()) return;
  throw new NovaError("HOME_UNSAFE_PATH", `${path} is no directory, and a container would be given what it leads to.`, {
    place: path,
  });
}

async function give(path: string, { uid, gid, shiftsIDs }: FolderOwner): Promise<void> {
  if (shiftsIDs) return await chmod(path, 0o777);
  if (process.getuid?.() !== 0) return;
  const found = await lstat(path);
  // Somebody else's is a decision of theirs: only what root has made, as a copy or a checkout does, is given away.
  if (found.uid === 0 && uid !== 0) await chown(path, uid, gid);
}
