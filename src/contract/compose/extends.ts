import { dirname, relative, resolve } from "node:path";
import { get, getMap, getText, isNull, withEntry } from "./build.ts";
import { mergeService, withoutPaths } from "./merge.ts";
import type { MapEntry, MapNode, Node } from "./node.ts";
import { isRemote, resolvePaths } from "./paths.ts";
import { refuse } from "./problem.ts";
import { isText } from "./text.ts";

/** A file that services are extended from: read, interpolated and in canonical form, its own `extends` not yet followed. */
export interface BaseFile {
  readonly root: MapNode;
  readonly resets: readonly (readonly string[])[];
}

export interface ExtendsContext {
  /** Of the file that extends. */
  readonly file: string;
  /** Where paths of `extends.file` begin. */
  readonly directory: string;
  readonly home: string;
  readonly resets: readonly (readonly string[])[];
  readonly readBase: (path: string, from: Node) => Promise<BaseFile>;
}

/** So many services may stand in one line of extending. */
const LONGEST = 100;

/** Puts every service over the one that it extends. */
export async function applyExtends(root: MapNode, context: ExtendsContext): Promise<MapNode> {
  const services = getMap(root, "services");
  if (services === undefined || ![...services.entries.values()].some((entry) => extendsOf(entry.value) !== undefined))
    return root;
  const chain = new Chain(context, services);
  const entries = new Map<string, MapEntry>();
  for (const [name, entry] of services.entries) {
    const value = await chain.resolve(name, services, context.file, context.resets, []);
    entries.set(name, value === undefined ? entry : { key: entry.key, value });
  }
  return withEntry(root, "services", { ...services, entries });
}

function extendsOf(service: Node): Node | undefined {
  return service.kind === "map" ? service.entries.get("extends")?.value : undefined;
}

interface Link {
  readonly file: string;
  readonly service: string;
}

class Chain {
  readonly #context: ExtendsContext;
  readonly #own: MapNode;
  /** Services of the file itself whose extending is done. */
  readonly #done = new Map<string, Node>();
  readonly #bases = new Map<string, { readonly services: MapNode; readonly resets: BaseFile["resets"] }>();

  constructor(context: ExtendsContext, own: MapNode) {
    this.#context = context;
    this.#own = own;
  }

  /** Undefined when there is nothing to change. */
  async resolve(
    name: string,
    services: MapNode,
    file: string,
    resets: readonly (readonly string[])[],
    links: readonly Link[],
  ): Promise<Node | undefined> {
    const own = services === this.#own;
    const known = own ? this.#done.get(name) : undefined;
    if (known !== undefined) return known;
    const service = services.entries.get(name)?.value;
    if (service === undefined || isNull(service)) return undefined;
    const written = extendsOf(service);
    if (service.kind !== "map" || written === undefined) return service;
    const { reference, path } = target(written);
    let source = services;
    let from = file;
    let drops = resets;
    if (path !== undefined) {
      if (isRemote(path))
        refuse("remote", written.at, `${path} is not on this machine, and is not fetched`, "extend a service of a local file");
      from = resolve(this.#context.directory, path);
      const base = await this.#base(from, path, written);
      source = base.services;
      drops = [...resets, ...base.resets];
    }
    if (!source.entries.has(reference)) {
      refuse(
        "extends",
        written.at,
        `the service ${JSON.stringify(reference)} is not in ${path ?? "this file"}`,
        "extend a service that is there",
      );
    }
    const next = [...links, { file: from, service: name }];
    this.#refuseCycle(next, written);
    const base = await this.resolve(reference, source, from, drops, next);
    if (base === undefined) return service;
    const merged = mergeService(base.kind === "map" ? withoutPaths(base, drops, ["services", name]) : base, service);
    const made = merged.kind === "map" ? withEntry(merged, "extends", undefined) : merged;
    if (own) this.#done.set(name, made);
    return made;
  }

  /** The services of another file, read once for all that extend them. */
  async #base(
    from: string,
    path: string,
    written: Node,
  ): Promise<{ readonly services: MapNode; readonly resets: BaseFile["resets"] }> {
    const known = this.#bases.get(from);
    if (known !== undefined) return known;
    const { root, resets } = await this.#context.readBase(from, get(written, "file") ?? written);
    // Paths of the other file begin where that file lies, and stay relative as those of this file still are: lists of them are merged by their text.
    const rebased = resolvePaths(root, {
      directory: relative(this.#context.directory, dirname(from)) || ".",
      home: this.#context.home,
    });
    const services = getMap(rebased, "services");
    if (services === undefined) refuse("extends", written.at, `${path} has no services`, "extend a service that is there");
    const made = { services, resets };
    this.#bases.set(from, made);
    return made;
  }

  #refuseCycle(links: readonly Link[], at: Node): void {
    const last = links.at(-1);
    const before = links.slice(0, -1);
    const cycle = before.some((link) => link.file === last?.file && link.service === last.service);
    if (!cycle && links.length <= LONGEST) return;
    const way = links.slice(-8).map((link) => link.service);
    refuse("extends-cycle", at.at, `these services extend each other without end: ${way.join(" → ")}`, "take one `extends` out");
  }
}

function target(written: Node): { readonly reference: string; readonly path: string | undefined } {
  if (isText(written)) return { reference: written.value, path: undefined };
  const reference = getText(written, "service");
  if (reference === undefined) refuse("extends", written.at, "`extends` does not name a service", "add `service:`");
  return { reference, path: getText(written, "file") };
}
