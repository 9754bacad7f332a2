import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hasCode, messageOf, NovaError } from "../../model/errors.ts";
import type { GroupsSnapshot, TasksSnapshot } from "../../model/mail.ts";
import { GROUPS_SNAPSHOT, TASKS_SNAPSHOT } from "../../model/mail-limits.ts";
import { IPC_TARGET } from "../../model/workspace.ts";

function read(root: string, name: string, list: string): unknown {
  const path = join(root, name);
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown> | null;
    if (Array.isArray(value?.[list])) return value;
    throw new Error(`it has no list of ${list}`);
  } catch (error) {
    const missing = hasCode(error, "ENOENT");
    throw new NovaError("MAIL_INVALID", missing ? `${path} is not there.` : `${path} cannot be read: ${messageOf(error)}`, {
      place: path,
      next: missing ? "It is written by `novabot serve`; see that it runs." : "Try again: `novabot serve` writes it anew.",
      cause: error,
    });
  }
}

/** The group's tasks as `novabot serve` last wrote them; for main every group's. */
export function readTasks(root: string = IPC_TARGET): TasksSnapshot {
  return read(root, TASKS_SNAPSHOT, "tasks") as TasksSnapshot;
}

/** The registered groups; main alone has the file. */
export function readGroups(root: string = IPC_TARGET): GroupsSnapshot {
  return read(root, GROUPS_SNAPSHOT, "groups") as GroupsSnapshot;
}
