import { join } from "node:path";
import type { Group } from "../../model/group.ts";
import { GLOBAL_FOLDER } from "../../model/names.ts";
import { ENV_TARGET, GLOBAL_TARGET, GROUP_TARGET, IPC_TARGET, SESSION_TARGET } from "../../model/workspace.ts";
import type { Home } from "../home/home.ts";
import type { PlannedMount } from "./planned-mount.ts";

/** What every group gets of the home. Sources may not exist yet; `prepareHome` makes them. */
export function groupMounts(home: Home, group: Group): PlannedMount[] {
  const folder = join(home.groups, group.folder);
  const mounts = [
    state(folder, GROUP_TARGET, false, "the group's own folder, and its working directory"),
    state(join(folder, "logs"), `${GROUP_TARGET}/logs`, true, "the runs' logs, which only the host writes"),
  ];
  if (!group.isMain) mounts.push(state(join(home.groups, GLOBAL_FOLDER), GLOBAL_TARGET, true, "memory that all groups read"));
  mounts.push(
    state(join(home.data, "sessions", group.folder, ".claude"), SESSION_TARGET, false, "the group's own conversations"),
    state(join(home.data, "ipc", group.folder), IPC_TARGET, false, "the group's own mail slots"),
    state(join(home.data, "env", group.folder), ENV_TARGET, true, "the env file with the allowed names"),
  );
  return mounts;
}

function state(source: string, target: string, readonly: boolean, why: string): PlannedMount {
  return { source, target, readonly, kind: "state", why };
}
