import { NovaError, quote } from "./errors.ts";

/** The folder of the group that sees the home's parts. */
export const MAIN_FOLDER = "main";
/** The folder of memory that every group may read; no group can have it. */
export const GLOBAL_FOLDER = "global";

const folderPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
// WhatsApp's ids (`123-456@g.us`, `49123:7@s.whatsapp.net`, `status@broadcast`, `a@lid`) and local ones (`local:alice`).
export const jidPattern: RegExp = /^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$/;
// Claude Code's session ids are UUIDs; other agents choose their own. It may become an argument, hence no leading dash.
const sessionPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** `folder` when it can name a group's folder; an error that says why otherwise. Uniqueness is the registry's business. */
export function checkFolder(folder: string, place: string): string {
  if (!folderPattern.test(folder)) {
    throw new NovaError("FOLDER_INVALID", `The folder name ${quote(folder)} is not valid.`, {
      place,
      next: "Use 1 to 64 letters, digits, hyphens and underscores, beginning with a letter or digit.",
    });
  }
  if (folder.toLowerCase() === GLOBAL_FOLDER) {
    throw new NovaError("FOLDER_INVALID", `The folder name ${quote(folder)} is reserved for the memory that all groups read.`, {
      place,
      next: "Choose another name.",
    });
  }
  if (folder !== MAIN_FOLDER && folder.toLowerCase() === MAIN_FOLDER) {
    throw new NovaError("FOLDER_INVALID", `The folder name ${quote(folder)} is ${quote(MAIN_FOLDER)} in other letters.`, {
      place,
      next: `Write ${MAIN_FOLDER} for the group that sees the home's parts, or choose another name.`,
    });
  }
  return folder;
}

export function checkJID(jid: string, place: string): string {
  if (!jidPattern.test(jid)) {
    throw new NovaError("JID_INVALID", `The chat id ${quote(jid)} is not valid.`, {
      place,
      next: "Use an id like 1234567890@g.us or local:alice: at most 128 letters, digits and . _ : @ + -, beginning with a letter or digit.",
    });
  }
  return jid;
}

export function checkSessionID(id: string, place: string): string {
  if (!sessionPattern.test(id)) {
    throw new NovaError("SESSION_INVALID", `The session id ${quote(id)} is not valid.`, {
      place,
      next: "Use the id that an earlier run printed (`novabot runs list`), or leave it out for a new session.",
    });
  }
  return id;
}

export function isSessionID(id: unknown): id is string {
  return typeof id === "string" && sessionPattern.test(id);
}
