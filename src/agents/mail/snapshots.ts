import type { Group } from "../../model/group.ts";
import type { GROUPS_SNAPSHOT, TASKS_SNAPSHOT, GroupsSnapshot, TasksSnapshot, VisibleTask } from "../../model/mail.ts";
import { NovaError, hasCode } from "../../model/errors.ts";
import type { AgentUser } from "../home/agent-user.ts";
import { HeldDirectory } from "../home/held-directory.ts";
import type { ErrorsDirectory } from "./errors-directory.ts";
import { SlotDirectory, glance, identityOf } from "./slot-directory.ts";

/** Texts of a group's own tasks, and of others' for main, are cut to this many characters. */
const ownCharacters = 2000;
const othersCharacters = 200;
/** Names that are looked at for what a killed host left. */
const namesLookedAt = 1000;

/** What a group's agent may know of the tasks. */
export function tasksSnapshot(group: Group, timezone: string, tasks: readonly VisibleTask[]): TasksSnapshot {
  return { timezone, tasks: tasks.map((task) => cutTask(task, task.group === group.folder ? ownCharacters : othersCharacters)) };
}

export function groupsSnapshot(groups: readonly Group[]): GroupsSnapshot {
  return { groups: groups.map(({ jid, name, folder, isMain }) => ({ jid, name, folder, isMain })) };
}

function cutTask(task: VisibleTask, limit: number): VisibleTask {
  const cut = <T extends string | null>(text: T): T | string =>
    text !== null && text.length > limit ? `${text.slice(0, limit)}…` : text;
  const last = task.last && { ...task.last, result: cut(task.last.result), error: cut(task.last.error) };
  return { ...task, prompt: cut(task.prompt), guard: cut(task.guard), last };
}

/** The snapshots in one group's directory, kept as they shall be whatever its agent does to them. */
export class Snapshots {
  readonly #path: string;
  readonly #user: AgentUser;
  readonly #errors: ErrorsDirectory;
  readonly #wanted = new Map<string, string>();
  readonly #written = new Map<string, { readonly text: string; readonly identity: string }>();
  #isSwept = false;

  /** `path` is the group's `data/ipc/<folder>`. */
  constructor(path: string, user: AgentUser, errors: ErrorsDirectory) {
    this.#path = path;
    this.#user = user;
    this.#errors = errors;
  }

  want(name: typeof TASKS_SNAPSHOT | typeof GROUPS_SNAPSHOT, snapshot: TasksSnapshot | GroupsSnapshot): void {
    this.#wanted.set(name, `${JSON.stringify(snapshot)}\n`);
  }

  /** Writes those that are missing, damaged or old. Takes some microseconds when there is none. */
  async keep(): Promise<void> {
    const stale = [...this.#wanted].filter(([name, text]) => {
      const written = this.#written.get(name);
      if (!written || written.text !== text) return true;
      const found = glance(`${this.#path}/${name}`);
      return !found || identityOf(found) !== written.identity;
    });
    if (!stale.length) return;
    let slots: HeldDirectory;
    try {
      slots = await HeldDirectory.open(this.#path);
    } catch (thrown) {
      // Made with the group's first run, or by the next look.
      if (hasCode(thrown, "ENOENT")) return;
      throw thrown;
    }
    try {
      if (!this.#isSwept) await sweep(slots);
      this.#isSwept = true;
      for (const [name, text] of stale) await this.#write(slots, name, text);
    } finally {
      await slots.close();
    }
  }

  async #write(slots: HeldDirectory, name: string, text: string): Promise<void> {
    const directory = new SlotDirectory(slots);
    if ((await directory.look(name))?.isDirectory()) {
      const error = new NovaError("MAIL_INVALID", `A directory stood in the place of ${name}.`, {
        next: "Leave the snapshots to NovaBot; they are written anew.",
      });
      await this.#errors.reject(slots, this.#user, directory, Buffer.from(name), error);
    }
    await slots.replace(name, text, 0o644);
    const written = await directory.look(name);
    if (written) this.#written.set(name, { text, identity: identityOf(written) });
  }
}

/** Removes what a host that was killed while it wrote has left. */
async function sweep(slots: HeldDirectory): Promise<void> {
  const directory = new SlotDirectory(slots);
  const reading = await directory.names();
  try {
    for (const name of (await reading.next(namesLookedAt)).names) {
      if (/^\.(?:current_tasks|available_groups)\.json\.[0-9a-f]{12}\.tmp$/.test(name.toString())) await directory.remove(name);
    }
  } finally {
    await reading.close();
  }
}
