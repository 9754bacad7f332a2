import type { z } from "zod";
import { NovaError, messageOf, quote } from "../../model/errors.ts";
import { registeredGroupSchema, type Group, type RegisteredGroup } from "../../model/group.ts";
import { MAIN_FOLDER, checkFolder, checkJID } from "../../model/names.ts";
import { HeldDirectory } from "../home/held-directory.ts";
import type { Home } from "../home/home.ts";

const fileName = "registered_groups.json";
const limitBytes = 4 * 1024 * 1024;

/** The groups of a home in the file's order; none when there is no file. Rejects with `REGISTRY_INVALID`, naming the entry. */
export async function readGroups(home: Home): Promise<Group[]> {
  const data = await HeldDirectory.find(home.root, "data");
  if (!data) return [];
  try {
    const text = await data.read(fileName, limitBytes);
    return text === undefined ? [] : parseGroups(text, home.registry);
  } finally {
    await data.close();
  }
}

/** The part of `readGroups` that needs no file; `place` is the file's path for messages. */
export function parseGroups(text: string, place: string): Group[] {
  let document: unknown;
  try {
    document = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (thrown) {
    throw broken(place, `it is not JSON (${messageOf(thrown)})`, thrown);
  }
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw broken(place, "it is not an object of chat ids");
  }
  const groups: Group[] = [];
  const folders = new Map<string, string>();
  for (const [jid, value] of Object.entries(document)) {
    const group = checkGroup(jid, value, `${place}, entry ${quote(jid)}`);
    const other = folders.get(group.folder.toLowerCase());
    if (other !== undefined) {
      throw broken(place, `${quote(jid)} and ${quote(other)} have the same folder ${quote(group.folder)}, ignoring case`);
    }
    folders.set(group.folder.toLowerCase(), jid);
    groups.push(group);
  }
  return groups;
}

/** A group from an untrusted `value`; every error names the field. */
export function checkGroup(jid: string, value: unknown, place: string): Group {
  checkJID(jid, place);
  const parsed = registeredGroupSchema.safeParse(value);
  if (!parsed.success) throw groupError(parsed.error, value, place);
  checkFolder(parsed.data.folder, `${place}, folder`);
  return { ...parsed.data, jid, isMain: parsed.data.folder === MAIN_FOLDER };
}

function groupError(error: z.ZodError, value: unknown, place: string): NovaError {
  const issue = error.issues[0];
  const path = issue?.path.map(String) ?? [];
  const wrong = path.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined),
    value,
  );
  return new NovaError(
    "GROUP_INVALID",
    `${path.join(".") || "The group"} is ${quote(wrong)}: ${issue?.message ?? "not valid"}.`,
    {
      place: `${place}${path.length ? `, ${path.join(".")}` : ""}`,
      next: "See `novabot groups set --help` for the settings and their values.",
      cause: error,
    },
  );
}

/**
 * Changes the registry in one step: `change` gets the groups as they stand and gives what shall stand. The file is
 * replaced whole, and not at all when it could not be read. The caller holds the registry's turn.
 */
export async function changeGroups(
  home: Home,
  change: (groups: readonly Group[]) => readonly Group[],
): Promise<readonly Group[]> {
  const groups = await readGroups(home);
  const next = change(groups);
  const text = renderGroups(next);
  parseGroups(text, home.registry);
  const root = await HeldDirectory.open(home.root);
  try {
    const data = await root.ensureDirectory("data");
    try {
      await data.replace(fileName, text, 0o644, { sync: true });
    } finally {
      await data.close();
    }
  } finally {
    await root.close();
  }
  return next;
}

function renderGroups(groups: readonly Group[]): string {
  const document: Record<string, RegisteredGroup> = {};
  for (const { jid, isMain: _, ...entry } of groups) document[jid] = entry;
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** The group called `name`: by folder, by chat id, or by its name when only one has it. Throws `GROUP_NOT_FOUND`. */
export function findGroup(groups: readonly Group[], name: string, place = "group"): Group {
  const exact = groups.find((group) => group.folder === name) ?? groups.find((group) => group.jid === name);
  if (exact) return exact;
  const named = groups.filter((group) => group.name === name);
  if (named.length === 1 && named[0]) return named[0];
  const known = groups.map((group) => group.folder).slice(0, 20);
  throw new NovaError(
    "GROUP_NOT_FOUND",
    named.length > 1
      ? `${named.length} groups are called ${quote(name)}: ${named.map((group) => group.folder).join(", ")}.`
      : `There is no group ${quote(name)}. ${known.length ? `There are: ${known.join(", ")}.` : "There is none at all yet."}`,
    {
      place,
      next: named.length > 1 ? "Name it by its folder." : "Add it with `novabot groups add JID --folder FOLDER --name NAME`.",
    },
  );
}

function broken(place: string, reason: string, cause?: unknown): NovaError {
  return new NovaError("REGISTRY_INVALID", `The registry of groups ${quote(place, 400)} cannot be used: ${reason}.`, {
    place,
    next: "Mend the file by hand; NovaBot does not write over a registry that it cannot read.",
    cause,
  });
}
