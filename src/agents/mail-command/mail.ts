import { NovaError, quote } from "../../model/errors.ts";
import { MAIL_LIMITS } from "../../model/mail-limits.ts";
import { checkFolder, checkJID } from "../../model/names.ts";
import type { Schedule, TaskSession } from "../../model/task.ts";
import type { Identity } from "./identity.ts";
import type { Mail } from "./mail-slots.ts";

// Each makes a piece of mail out of what was asked for, or throws what is wrong with it. The host checks all of it again: this is so
// that an agent hears of its mistake at once, also when nobody reads its mail.

function checkText(text: string, name: string, limit: number): string {
  if (text.trim() === "") throw new NovaError("USAGE", `The ${name} is empty.`, { next: `Give a ${name}.` });
  if (text.length > limit) {
    throw new NovaError("USAGE", `The ${name} is ${text.length} characters long; the limit is ${limit}.`, {
      next: "Put what is long into a file of the group's folder and name the file.",
    });
  }
  return text;
}

function checkTask(task: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(task)) return task;
  throw new NovaError("USAGE", `${quote(task)} is no task's id.`, { next: "See `novabot tasks`." });
}

/** Throws unless the agent works for main. */
export function checkMain(identity: Identity, what: string): void {
  if (identity.isMain) return;
  throw new NovaError("MAIL_FORBIDDEN", `Only main may ${what}; this is ${quote(identity.group)}.`);
}

export function messageMail(identity: Identity, text: string, chatJid?: string): Mail {
  checkText(text, "text", MAIL_LIMITS.text);
  if (chatJid === undefined || chatJid === identity.chatJid) return { type: "message", text };
  checkMain(identity, "write to another chat than its own");
  return { type: "message", text, chatJid: checkJID(chatJid, "chat") };
}

export interface TaskWish {
  readonly prompt?: string | undefined;
  readonly schedule?: Schedule | undefined;
  readonly session?: TaskSession | undefined;
  /** Null takes it away. */
  readonly guard?: string | null | undefined;
}

export function scheduleMail(identity: Identity, wish: TaskWish, group?: string): Mail {
  const { prompt, schedule, session, guard } = wish;
  if (schedule === undefined) {
    throw new NovaError("USAGE", "A task needs a schedule.", { next: "Give one of --cron, --every and --at." });
  }
  if (group !== undefined && group !== identity.group) checkMain(identity, "schedule a task for another group");
  return {
    type: "schedule",
    prompt: checkText(prompt ?? "", "prompt", MAIL_LIMITS.prompt),
    schedule,
    ...(session === undefined ? {} : { session }),
    ...(guard ? { guard: checkText(guard, "guard", MAIL_LIMITS.guard) } : {}),
    ...(group === undefined ? {} : { group: checkFolder(group, "group") }),
  };
}

export function updateMail(task: string, wish: TaskWish): Mail {
  const { prompt, schedule, session, guard } = wish;
  const changes = {
    ...(prompt === undefined ? {} : { prompt: checkText(prompt, "prompt", MAIL_LIMITS.prompt) }),
    ...(schedule === undefined ? {} : { schedule }),
    ...(session === undefined ? {} : { session }),
    ...(guard === undefined ? {} : { guard: guard === null ? null : checkText(guard, "guard", MAIL_LIMITS.guard) }),
  };
  if (Object.keys(changes).length === 0) {
    throw new NovaError("USAGE", "Nothing of the task is to be changed.", {
      next: "Name what shall change: its prompt, schedule, session or guard.",
    });
  }
  return { type: "update", task: checkTask(task), ...changes };
}

export function taskChangeMail(type: "pause" | "resume" | "cancel", task: string): Mail {
  return { type, task: checkTask(task) };
}

export function registerMail(identity: Identity, jid: string, name: string, folder: string): Mail {
  checkMain(identity, "register groups");
  return {
    type: "register_group",
    jid: checkJID(jid, "jid"),
    name: checkText(name, "name", 128),
    folder: checkFolder(folder, "folder"),
  };
}
