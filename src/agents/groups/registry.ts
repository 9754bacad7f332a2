import type { z } from "zod";
import { NovaError, messageOf, quote } from "../../model/errors.ts";
import { registeredGroupSchema, type Group, type RegisteredGroup } from "../../model/group.ts";
import { MAIN_FOLDER, checkFolder, checkJID } from "../../model/names.ts";
import { HeldDirectory } from "../home/held-directory.ts";
import type { Home } from "../home/home.ts";
import { checkContainerPath } from "../mounts/additional.ts";
import { groupMemory } from "./memory.ts";

const fileName = "registered_groups.json";
const limitBytes = 4 * 1024 * 1024;
const mendByHand = "Mend the file by hand; NovaBot does not write over a registry that it cannot read.";

/** The groups of a home in the file's order; none when there is no file. Rejects with `REGISTRY_INVALID`, naming the entry. */
export async function readGroups(home: Home): Promise<Group[]> {
  const data = await HeldDirectory.find(home.root, "data");
  if (!data) return [];
  try {
    const text = await data.read(fileName, limitBytes).catch((thrown: unknown) => {
      throw broken(home.registry, messageOf(thrown).replace(/\.$/, ""), thrown);
    });
    if (text === undefined) return [];
    let read = lastRead.get(home);
    if (read?.text !== text) lastRead.set(home, (read = { text, groups: parseGroups(text, home.registry) }));
    return [...read.groups];
  } finally {
    await data.close();
  }
}

/** Every run reads the registry, and between two of them it is the same most of the time. */
const lastRead = new WeakMap<Home, { readonly text: string; readonly groups: readonly Group[] }>();

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
  const twice = repeatedKey(text);
  if (twice !== undefined) throw broken(place, `it has the entry ${quote(twice)} twice`);
  const groups: Group[] = [];
  const folders = new Map<string, string>();
  for (const [jid, value] of Object.entries(document)) {
    const group = checkGroup(jid, value, `${place}, entry ${quote(jid)}`, "REGISTRY_INVALID");
    const other = folders.get(group.folder.toLowerCase());
    if (other !== undefined) {
      throw broken(place, `${quote(jid)} and ${quote(other)} have the same folder ${quote(group.folder)}, ignoring case`);
    }
    folders.set(group.folder.toLowerCase(), jid);
    groups.push(group);
  }
  return groups;
}

/**
 * A group from an untrusted `value`, with every rule that needs no engine and no file system; every error names the field.
 * `code` says whose mistake it is: a setting's, or the registry file's.
 */
export function checkGroup(
  jid: string,
  value: unknown,
  place: string,
  code: "GROUP_INVALID" | "REGISTRY_INVALID" = "GROUP_INVALID",
): Group {
  checkJID(jid, place);
  const parsed = registeredGroupSchema.safeParse(value);
  if (!parsed.success) throw groupError(parsed.error, value, place, code);
  const { containerConfig: config = {}, folder } = parsed.data;
  checkFolder(folder, `${place}, folder`);
  groupMemory(config, `${place}, containerConfig`);
  for (const [index, mount] of (config.additionalMounts ?? []).entries()) {
    if (mount.containerPath !== undefined)
      checkContainerPath(mount.containerPath, `${place}, containerConfig.additionalMounts[${index}]`);
  }
  return { ...parsed.data, jid, isMain: folder === MAIN_FOLDER };
}

const hints: Readonly<Record<string, string>> = {
  "containerConfig.network": 'it must be "none", "egress" or "open" ("open" is what "default" was once)',
  agent: 'it must be "claude", "demo" or { "command": ["program", "argument"] }',
  "containerConfig.additionalMounts":
    'it must be a list like [{ "hostPath": "~/projects/webapp", "containerPath": "webapp", "readonly": true }]',
};

function groupError(error: z.ZodError, value: unknown, place: string, code: "GROUP_INVALID" | "REGISTRY_INVALID"): NovaError {
  const issue = error.issues[0];
  const path = issue?.path.map(String) ?? [];
  const field = path.join(".");
  const wrong = path.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined),
    value,
  );
  const reason = hints[field] ?? issue?.message ?? "not valid";
  const message =
    issue?.code === "unrecognized_keys"
      ? `${field || "The group"} has the unknown setting ${issue.keys.map((key) => quote(key)).join(", ")}.`
      : wrong === undefined
        ? `The group has no ${field}.`
        : `${field || "The group"} is ${quote(wrong)}: ${reason}.`;
  return new NovaError(code, message, {
    place: `${place}${field ? `, ${field}` : ""}`,
    next: code === "GROUP_INVALID" ? "See `novabot groups set --help` for the settings and their values." : mendByHand,
    cause: error,
  });
}

/** A key that the outermost object of a JSON text has twice: parsing keeps the last one without a word. */
function repeatedKey(text: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  for (const [token, string] of text.matchAll(/("(?:[^"\\]|\\.)*")(?:\s*:)?|[[\]{}]/g)) {
    if (token === "{" || token === "[") depth += 1;
    else if (token === "}" || token === "]") depth -= 1;
    else if (depth === 1 && string !== undefined && token.endsWith(":")) {
      const key = String(JSON.parse(string));
      if (seen.has(key)) return key;
      seen.add(key);
    }
  }
  return undefined;
}

/** The groups as they shall stand, from the groups as they stand. */
export type GroupsChange = (groups: readonly Group[]) => readonly Group[] | Promise<readonly Group[]>;

/**
 * Changes the registry in one step: `change` gets the groups as they stand and gives what shall stand. The file is
 * replaced whole, and not at all when it could not be read. The caller holds the registry's turn.
 */
export async function changeGroups(home: Home, change: GroupsChange): Promise<readonly Group[]> {
  const next = await change(await readGroups(home));
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
    next: mendByHand,
    cause,
  });
}
