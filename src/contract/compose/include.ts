import { stat } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { get, getMap, getText, items, map, withEntry } from "./build.ts";
import type { MapEntry, MapNode, Node } from "./node.ts";
import { isRemote } from "./paths.ts";
import { plain } from "./plain.ts";
import { refuse } from "./problem.ts";
import { isText } from "./text.ts";

/** Compose files that another one includes as a project of their own. */
export interface Included {
  readonly files: readonly string[];
  readonly directory: string;
  /** The directory as a path from where the including file's own begin. */
  readonly base: string;
  readonly envFiles: readonly string[];
  readonly at: Node;
}

/** What `include:` names, with paths from where the including file's own begin. */
export async function includes(root: MapNode, directory: string): Promise<readonly Included[]> {
  const written = get(root, "include");
  if (written === undefined || (written.kind === "scalar" && written.value === null)) return [];
  if (written.kind !== "list") refuse("include", written.at, "`include` must be a list", "write `- path` below it");
  const made: Included[] = [];
  for (const item of written.items) made.push(await included(item, directory));
  return made;
}

async function included(item: Node, directory: string): Promise<Included> {
  const paths = isText(item) ? [item.value] : texts(get(item, "path"));
  const [main] = paths;
  if (main === undefined) refuse("include", item.at, "this include names no file", "add `path:`");
  const remote = paths.find(isRemote);
  if (remote !== undefined)
    refuse("remote", item.at, `${remote} is not on this machine, and is not fetched`, "include a local file");
  const files = paths.map((path) => resolve(directory, path));
  const written = getText(item, "project_directory") ?? "";
  const own = written === "" ? dirname(files[0] ?? directory) : resolve(directory, written);
  // Of a directory that is not there Compose takes the one above it.
  const begin = (await isDirectory(own)) ? own : dirname(own);
  return {
    files,
    directory: begin,
    base: isAbsolute(written) ? begin : relative(directory, begin) || ".",
    envFiles: await envFiles(item, directory, own),
    at: get(item, "path") ?? item,
  };
}

async function envFiles(item: Node, directory: string, own: string): Promise<readonly string[]> {
  const written = texts(get(item, "env_file"));
  if (written.length === 0) {
    const found = join(own, ".env");
    return (await isFile(found)) ? [found] : [];
  }
  const made = written.map((path) => (isAbsolute(path) ? path : join(directory, path)));
  for (const path of made) {
    if (!(await isFile(path)))
      refuse("file-missing", item.at, `the env file ${path} is not there`, "make it, or take it out of `env_file`");
  }
  return made;
}

async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && !found.isDirectory();
}

async function isDirectory(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() === true;
}

function texts(node: Node | undefined): string[] {
  if (isText(node)) return [node.value];
  return items(node)
    .filter(isText)
    .map((item) => item.value);
}

/** Takes what an included project declares over into the including one. The same thing may come twice, a different one may not. */
export function importInto(root: MapNode, imported: MapNode): MapNode {
  let made = root;
  for (const kind of ["services", "volumes", "networks", "secrets", "configs"]) {
    const from = getMap(imported, kind);
    if (from === undefined) continue;
    const to = getMap(made, kind) ?? map([], from.at);
    const entries = new Map<string, MapEntry>(to.entries);
    for (const [name, entry] of from.entries) {
      const own = entries.get(name);
      if (own === undefined) entries.set(name, entry);
      else if (JSON.stringify(sorted(plain(own.value))) !== JSON.stringify(sorted(plain(entry.value)))) {
        refuse(
          "include-conflict",
          own.key,
          `${kind}.${name} is declared here and in ${entry.key.file} differently`,
          "give one of the two another name",
        );
      }
    }
    made = withEntry(made, kind, { ...to, entries });
  }
  return made;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
