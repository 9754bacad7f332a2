import { isAbsolute, join } from "node:path";
import { derived, get, getText, mapItems, mapValues, withEntry } from "./build.ts";
import type { MapNode, Node } from "./node.ts";
import { below, patterns } from "./patterns.ts";
import type { Patterns } from "./patterns.ts";
import { refuse } from "./problem.ts";
import { isText } from "./text.ts";

/** Where relative paths begin, and what `~` is. */
export interface Bases {
  readonly directory: string;
  readonly home: string;
}

type Resolve = (node: Node, bases: Bases) => Node;

const RESOLVERS: Patterns<Resolve> = patterns<Resolve>({
  "services.*.build.context": context,
  "services.*.build.additional_contexts.*": context,
  "services.*.build.ssh.*": maybeWindows,
  "services.*.env_file.*.path": path,
  "services.*.label_file.*": path,
  "services.*.extends.file": (node, bases) => (isText(node) && isRemote(node.value) ? node : path(node, bases)),
  "services.*.develop.watch.*.path": path,
  "services.*.volumes.*": volume,
  "configs.*.file": maybeWindows,
  "secrets.*.file": maybeWindows,
  "volumes.*": driverOptions,
});

/** Every relative path as an absolute one. */
export function resolvePaths(root: MapNode, bases: Bases): MapNode {
  return visit(root, RESOLVERS, bases) as MapNode;
}

function visit(node: Node, at: Patterns<Resolve> | undefined, bases: Bases): Node {
  if (at === undefined) return node;
  if (at.rule !== undefined) return at.rule(node, bases);
  if (node.kind === "map") return mapValues(node, (value, key) => visit(value, below(at, key), bases));
  if (node.kind === "list") return mapItems(node, (value) => visit(value, below(at, "*"), bases));
  return node;
}

/** What `docker compose` would fetch from elsewhere. Nothing is ever fetched here. */
export function isRemote(text: string): boolean {
  return /^(?:https?:\/\/|git:\/\/|ssh:\/\/|git@|github\.com\/|oci:\/\/)/.test(text);
}

export function isRemoteContext(text: string): boolean {
  return text.includes("://") || text.startsWith("service:") || /^(?:github\.com\/|git@)/.test(text);
}

function absolute(text: string, { directory, home }: Bases): string {
  const expanded = text.startsWith("~") ? join(home, text.slice(1)) : text;
  if (isAbsolute(expanded) || expanded === "") return expanded;
  return trimmed(join(directory, expanded));
}

/** Go's join has no slash at the end. */
function trimmed(text: string): string {
  return text.length > 1 && text.endsWith("/") ? text.slice(0, -1) : text;
}

function path(node: Node, bases: Bases): Node {
  return isText(node) ? derived(node, absolute(node.value, bases)) : node;
}

function context(node: Node, bases: Bases): Node {
  return isText(node) && !isRemoteContext(node.value) ? path(node, bases) : node;
}

function maybeWindows(node: Node, bases: Bases): Node {
  if (!isText(node) || /^[a-zA-Z]:[\\/]/.test(node.value)) return node;
  return derived(node, node.value === "" ? bases.directory : absolute(node.value, bases));
}

function volume(node: Node, bases: Bases): Node {
  if (node.kind !== "map" || getText(node, "type") !== "bind") return node;
  const source = get(node, "source");
  if (source === undefined) refuse("volume", node.at, "a bind mount needs a source", "add `source:`");
  return withEntry(node, "source", maybeWindows(source, bases));
}

/** A volume of the local driver that is a bind mount really. */
function driverOptions(node: Node, bases: Bases): Node {
  const options = get(node, "driver_opts");
  if (node.kind !== "map" || getText(node, "driver") !== "local" || options?.kind !== "map" || getText(options, "o") !== "bind")
    return node;
  const device = get(options, "device");
  return device === undefined ? node : withEntry(node, "driver_opts", withEntry(options, "device", maybeWindows(device, bases)));
}
