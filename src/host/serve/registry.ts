import { statSync } from "node:fs";
import { readGroups } from "../../agents/groups/registry.ts";
import type { Home } from "../../agents/home/home.ts";
import { hasCode } from "../../model/errors.ts";
import type { Group } from "../../model/group.ts";

/** The registered groups as they stand at each asking, read anew when the file is another one. */
export function registryOf(home: Home): () => Promise<readonly Group[]> {
  let known: { readonly mark: string; readonly groups: readonly Group[] } | undefined;
  return async () => {
    const before = markOf(home.registry);
    if (known?.mark === before) return known.groups;
    const groups = await readGroups(home);
    // What changed while it was read is read again next time.
    known = { mark: before, groups };
    return groups;
  };
}

/** The registry is replaced by renaming, and edited by hand. Asked at once: each message waits for it twice. */
function markOf(path: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (thrown) {
    if (hasCode(thrown, "ENOENT")) return "none";
    throw thrown;
  }
}
