import { NovaError, quote, type ErrorCode } from "../../model/errors.ts";
import type { Group } from "../../model/group.ts";
import type { MessageMail, RegisterGroupMail, TaskMail } from "../../model/mail.ts";
import type { GroupsChange } from "../groups/registry.ts";
import { checkGroup } from "../groups/registry.ts";
import type { Home } from "../home/home.ts";
import { checkSessions } from "../home/prepare.ts";
import type { Outbox } from "../queue/chats.ts";
import type { Tasks } from "../tasks/tasks.ts";

/** Where mail goes. */
export interface Destinations {
  readonly home: Home;
  readonly outbox: Outbox;
  readonly tasks: Pick<Tasks, "apply">;
  /** Changes the registry while no other process of the home does. */
  readonly editGroups: (change: GroupsChange) => Promise<readonly Group[]>;
  /** The id of the run that is going on for a folder, or null. */
  readonly runOf: (folder: string) => string | null;
}

/** Whose fault these are is the mail's; anything else is in the way for now, and the mail is tried again. */
const mistakes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "MAIL_INVALID",
  "MAIL_FORBIDDEN",
  "TASK_INVALID",
  "TASK_NOT_FOUND",
  "GROUP_INVALID",
  "GROUP_NOT_FOUND",
  "GROUP_EXISTS",
  "FOLDER_TAKEN",
  "FOLDER_INVALID",
  "JID_INVALID",
  "MESSAGE_INVALID",
]);

export function isMistake(thrown: unknown): thrown is NovaError {
  return thrown instanceof NovaError && mistakes.has(thrown.code);
}

/** Sends what `group` wrote. `id` is the file's: the same file is sent once. */
export async function deliverMessage(
  to: Destinations,
  group: Group,
  groups: readonly Group[],
  mail: MessageMail,
  id: string,
): Promise<void> {
  const chatJid = mail.chatJid ?? group.jid;
  if (chatJid !== group.jid && !group.isMain) {
    throw forbidden(`The group ${group.folder} may write to its own chat, not to ${quote(chatJid)}.`, "chatJid");
  }
  if (chatJid !== group.jid && !groups.some((other) => other.jid === chatJid)) {
    throw new NovaError("GROUP_NOT_FOUND", `The chat ${quote(chatJid)} is not registered.`, {
      place: "chatJid",
      next: "See available_groups.json (`novabot groups`).",
    });
  }
  await to.outbox.post({
    id: `mail:${group.folder}:${id}`,
    chatJid,
    text: mail.text,
    kind: "mail",
    group: group.folder,
    run: to.runOf(group.folder),
    createdAt: new Date().toISOString(),
  });
}

/** Carries out what `group` wrote into `tasks/`. */
export async function deliverTask(to: Destinations, group: Group, mail: TaskMail, id: string): Promise<void> {
  if (mail.type === "register_group") await register(to, group, mail);
  else await to.tasks.apply(mail, { folder: group.folder, isMain: group.isMain }, id);
}

/** Main's container has the folders of all groups, and each costs the host a look twice a second. The owner may register more. */
const mostGroups = 500;

/** Registers a chat with everything else about it as it is when nothing is set. */
async function register(to: Destinations, actor: Group, { jid, name, folder }: RegisterGroupMail): Promise<void> {
  if (!actor.isMain) throw forbidden(`The group ${actor.folder} may not register groups.`, "type");
  const group = checkGroup(jid, { name, folder }, "register_group");
  await to.editGroups(async (known) => {
    const taken = known.find((other) => other.jid === jid || other.folder.toLowerCase() === folder.toLowerCase());
    // Registered already, as asked: this mail came before, or another one that said the same.
    if (taken?.jid === jid && taken.folder === folder && taken.name === name) return known;
    if (taken) {
      throw new NovaError(
        "GROUP_EXISTS",
        `The chat id ${quote(taken.jid)} with the folder ${quote(taken.folder)} is registered already.`,
        { place: taken.jid === jid ? "jid" : "folder" },
      );
    }
    if (known.length >= mostGroups) {
      throw new NovaError(
        "GROUP_INVALID",
        `${known.length} groups are registered; main may not register more than ${mostGroups}.`,
        {
          place: "type",
          next: "Ask the owner, who may (`novabot groups add`).",
        },
      );
    }
    await checkSessions(to.home, group);
    return [...known, group];
  });
}

function forbidden(message: string, place: string): NovaError {
  return new NovaError("MAIL_FORBIDDEN", message, { place });
}
