import { dirname } from "node:path";
import type { Place } from "../source/place.ts";
import { canonical } from "./canonical.ts";
import { map } from "./build.ts";
import { withDefaults } from "./defaults.ts";
import type { Environment } from "./environment.ts";
import { readEnvFiles } from "./environment.ts";
import { applyExtends } from "./extends.ts";
import type { BaseFile } from "./extends.ts";
import { importInto, includes } from "./include.ts";
import { interpolate } from "./interpolate.ts";
import { mergeDocuments, withoutPaths } from "./merge.ts";
import type { MapNode, Node } from "./node.ts";
import { withEntry } from "./build.ts";
import { resolvePaths } from "./paths.ts";
import { fileStart, refuse } from "./problem.ts";
import type { ComposeProblem } from "./project.ts";
import { validate } from "./schema.ts";
import type { ParsedDocument } from "./yaml.ts";
import type { Sources } from "./sources.ts";
import { unique } from "./unique.ts";
import { checkValues } from "./values.ts";

/** What one set of files is read with: the project's own, or those of one `include`. */
export interface LoadContext {
  readonly directory: string;
  /** The same as the including files see it; their own relative paths are still relative when they are merged with these. */
  readonly base: string;
  /** What `~` is. */
  readonly home: string;
  readonly environment: Environment;
  readonly sources: Sources;
  readonly problems: ComposeProblem[];
  /** Files that include each other down to this one. */
  readonly including: readonly string[];
}

/** Files merged in order (`from` is what names them), in canonical form, with defaults and absolute paths. */
export async function loadFiles(files: readonly string[], context: LoadContext, from?: Place): Promise<MapNode> {
  let merged: MapNode = map([], fileStart(files[0] ?? context.directory));
  for (const file of files) merged = await loadFile(file, merged, context, from ?? fileStart(file));
  const whole = withDefaults(merged);
  checkValues(whole);
  return resolvePaths(whole, { directory: context.base, home: context.home });
}

async function loadFile(file: string, before: MapNode, context: LoadContext, from: Place): Promise<MapNode> {
  const { documents } = await context.sources.parse(file, from);
  let merged = before;
  for (const document of documents) merged = await addDocument(document, file, merged, context);
  return merged;
}

async function addDocument(document: ParsedDocument, file: string, before: MapNode, context: LoadContext): Promise<MapNode> {
  let own = interpolated(document, context);
  own = await applyExtends(own, {
    file,
    directory: context.directory,
    home: context.home,
    resets: document.resets,
    readBase: (path, from) => readBase(path, from, context),
  });
  const kept = withoutPaths(before, document.resets);
  own = await applyIncludes(own, file, context);
  const merged = unique(mergeDocuments(kept, own));
  await validate(merged);
  noteVersion(merged, context);
  return unique(canonical(withEntry(merged, "version", undefined)));
}

function interpolated(document: ParsedDocument, context: LoadContext): MapNode {
  const { root } = document;
  if (root.kind !== "map") refuse("schema", root.at, "a Compose file must be a mapping", "begin with `services:`");
  const made = interpolate(root, (name) => context.environment.get(name), context.problems);
  return made.kind === "map" ? made : root;
}

function noteVersion(root: MapNode, context: LoadContext): void {
  const version = root.entries.get("version");
  if (version === undefined) return;
  context.problems.push({
    unreadable: false,
    kind: "version-obsolete",
    message: "`version` means nothing to Compose any more",
    next: "take the line out",
    at: version.key,
  });
}

/** A file that a service is extended from. Its schema is not asked: what it gives is checked where it ends up. */
async function readBase(path: string, from: Node, context: LoadContext): Promise<BaseFile> {
  const { documents } = await context.sources.parse(path, from.at);
  let root: MapNode = map([], fileStart(path));
  let resets: readonly (readonly string[])[] = [];
  for (const document of documents) {
    const own = interpolated(document, { ...context, problems: [] });
    root = unique(canonical(unique(mergeDocuments(withoutPaths(root, document.resets), own))));
    ({ resets } = document);
  }
  return { root, resets };
}

async function applyIncludes(root: MapNode, file: string, context: LoadContext): Promise<MapNode> {
  const wanted = await includes(root, context.directory);
  if (wanted.length === 0) return withEntry(root, "include", undefined);
  const including = [...context.including, file];
  let made = root;
  for (const one of wanted) {
    const [main = ""] = one.files;
    if (including.includes(main)) {
      refuse(
        "include-cycle",
        one.at.at,
        `these files include each other without end: ${[...including, main].join(" → ")}`,
        "take one `include` out",
      );
    }
    context.sources.countInclude(one.at.at);
    const found = await readEnvFiles(one.envFiles, context.environment);
    const environment = new Map([...found, ...context.environment]);
    made = importInto(
      made,
      await loadFiles(one.files, { ...context, directory: one.directory, base: one.base, environment, including }, one.at.at),
    );
  }
  return withEntry(made, "include", undefined);
}

/** The directory in which a project's relative paths begin when nothing else is said. */
export function directoryOf(files: readonly string[]): string {
  return dirname(files[0] ?? ".");
}
