import { join } from "node:path";
import { NovaError } from "../../model/errors.ts";
import type { Group } from "../../model/group.ts";
import { HeldDirectory } from "../home/held-directory.ts";
import type { Home } from "../home/home.ts";

/** Logs of a group beyond this many are removed, oldest first. */
export const KEPT_LOGS = 500;

/** Writes a run's log into the group's folder, never over another file and never through a link; gives its path. */
export async function writeLog(home: Home, group: Group, startedAt: string, text: string): Promise<string> {
  const folder = await HeldDirectory.find(home.root, "groups", group.folder);
  if (!folder)
    throw new NovaError("HOME_UNSAFE_PATH", `The folder of the group ${group.folder} is gone.`, { place: home.groups });
  try {
    const logs = await folder.reclaimDirectory("logs");
    try {
      const stem = `container-${startedAt.replaceAll(":", "-")}`;
      for (let number = 1; ; number += 1) {
        const name = number === 1 ? `${stem}.log` : `${stem}.${number}.log`;
        if (!(await logs.create(name, text, 0o640))) continue;
        await pruneLogs(logs);
        return join(logs.path, name);
      }
    } finally {
      await logs.close();
    }
  } finally {
    await folder.close();
  }
}

async function pruneLogs(logs: HeldDirectory): Promise<void> {
  const names = (await logs.names()).filter((name) => /^container-.*\.log$/.test(name)).toSorted();
  for (const name of names.slice(0, Math.max(0, names.length - KEPT_LOGS))) await logs.remove(name);
}
