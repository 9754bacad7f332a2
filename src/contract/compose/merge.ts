import { get, isNull, list, record, scalar } from "./build.ts";
import type { MapEntry, MapNode, Node, ScalarNode } from "./node.ts";
import { below, patterns, patternsOf } from "./patterns.ts";
import type { Patterns } from "./patterns.ts";
import { refuse } from "./problem.ts";
import { isText, printed } from "./text.ts";

type Merge = (base: Node, over: Node, at: Patterns<Merge> | undefined, path: readonly string[]) => Node;

const MERGES: Patterns<Merge> = patterns<Merge>({
  "networks.*.ipam.config": mergeAddressPools,
  "networks.*.labels": toSequence,
  "volumes.*.labels": toSequence,
  "services.*.annotations": toSequence,
  "services.*.build": mergeBuild,
  "services.*.build.args": toSequence,
  "services.*.build.additional_contexts": toSequence,
  "services.*.build.extra_hosts": mergeHosts,
  "services.*.build.labels": toSequence,
  "services.*.command": replace,
  "services.*.depends_on": mergeDependencies,
  "services.*.deploy.labels": toSequence,
  "services.*.dns": toSequence,
  "services.*.dns_opt": toSequence,
  "services.*.dns_search": toSequence,
  "services.*.entrypoint": replace,
  "services.*.env_file": toSequence,
  "services.*.label_file": toSequence,
  "services.*.environment": toSequence,
  "services.*.extra_hosts": mergeHosts,
  "services.*.healthcheck.test": replace,
  "services.*.labels": toSequence,
  "services.*.logging": mergeLogging,
  "services.*.networks": mergeNetworks,
  "services.*.sysctls": toSequence,
  "services.*.tmpfs": toSequence,
  "services.*.ulimits.*": replace,
});

/** A file over the ones before it, each attribute by Compose's own rule. */
export function mergeDocuments(base: MapNode, over: MapNode): MapNode {
  return mergeMaps(base, over, MERGES, []);
}

/** A service over the one that it extends. */
export function mergeService(base: Node, over: Node): Node {
  return merge(base, over, below(below(MERGES, "services"), "*"), ["services", "*"]);
}

function merge(base: Node, over: Node, at: Patterns<Merge> | undefined, path: readonly string[]): Node {
  if (at?.rule !== undefined) return at.rule(base, over, at, path);
  if (isNull(over)) return base;
  if (base.kind === "scalar") return over;
  if (base.kind !== over.kind) {
    const kind = base.kind === "map" ? "a mapping" : "a list";
    refuse(
      "merge",
      over.at,
      `${path.join(".")} cannot be overridden: it is ${kind} in the file or service below this one`,
      `write ${kind} here too`,
    );
  }
  if (base.kind === "map") return mergeMaps(base, over as MapNode, at, path);
  return { ...base, items: [...base.items, ...(over.kind === "list" ? over.items : [])] };
}

function mergeMaps(base: MapNode, over: MapNode, at: Patterns<Merge> | undefined, path: readonly string[]): MapNode {
  const entries = new Map<string, MapEntry>(base.entries);
  for (const [key, entry] of over.entries) {
    const before = entries.get(key);
    if (before === undefined || key.startsWith("x-")) entries.set(key, entry);
    else {
      const value = merge(before.value, entry.value, below(at, key), [...path, key]);
      entries.set(key, { key: value === before.value ? before.key : entry.key, value });
    }
  }
  return { kind: "map", entries, at: over.at };
}

function replace(_base: Node, over: Node): Node {
  return over;
}

function toSequence(base: Node, over: Node): Node {
  return list([...sequence(base), ...sequence(over)], over.at);
}

function mergeHosts(base: Node, over: Node): Node {
  const before = sequence(base);
  const known = new Set(before.map((item) => (item.kind === "scalar" ? item.value : item)));
  return list([...before, ...sequence(over).filter((item) => !known.has(item.kind === "scalar" ? item.value : item))], over.at);
}

/** A mapping as the list of `KEY=value` that Compose merges it as. */
export function sequence(node: Node): readonly Node[] {
  if (node.kind === "list") return node.items;
  if (node.kind === "scalar") return typeof node.value === "string" ? [node] : [];
  const made: ScalarNode[] = [];
  for (const [key, entry] of node.entries) {
    const values = entry.value.kind === "list" ? entry.value.items : [entry.value];
    for (const value of values) {
      if (value.kind === "map") refuse("value", value.at, `${key} must be a text`, "write a text here");
      if (value.kind === "scalar") made.push(pairOf(key, entry.key, value));
    }
  }
  return made.sort((one, other) => (String(one.value) < String(other.value) ? -1 : 1));
}

function pairOf(key: string, keyPlace: MapEntry["key"], value: ScalarNode): ScalarNode {
  const text = printed(value);
  return {
    kind: "scalar",
    value: text === undefined ? key : `${key}=${text}`,
    at: value.at,
    written: text === undefined ? key : `${key}=${value.written}`,
    variables: value.variables,
    pair: { key: keyPlace, value },
  };
}

function mergeBuild(base: Node, over: Node, at: Patterns<Merge> | undefined, path: readonly string[]): Node {
  return mergeMaps(buildMap(base), buildMap(over), at, path);
}

function buildMap(node: Node): MapNode {
  if (node.kind === "map") return node;
  return isText(node) ? record({ context: node }, node.at) : record({}, node.at);
}

function mergeDependencies(base: Node, over: Node, at: Patterns<Merge> | undefined, path: readonly string[]): Node {
  return mergeMaps(named(base, dependency), named(over, dependency), at, path);
}

export function dependency(at: Node["at"]): MapNode {
  return record({ condition: scalar("service_started", at), required: scalar(true, at) }, at);
}

function mergeNetworks(base: Node, over: Node, at: Patterns<Merge> | undefined, path: readonly string[]): Node {
  const none = (place: Node["at"]): Node => scalar(null, place);
  return mergeMaps(named(base, none), named(over, none), at, path);
}

/** A list of names as the mapping that it is short for. */
export function named(node: Node, value: (at: Node["at"]) => Node): MapNode {
  if (node.kind === "map") return node;
  const entries = new Map<string, MapEntry>();
  for (const item of node.kind === "list" ? node.items : []) {
    if (!isText(item)) refuse("value", item.at, "a name must be a text", "write a name here");
    entries.set(item.value, { key: item.at, value: value(item.at) });
  }
  return { kind: "map", entries, at: node.at };
}

/** Options of log drivers belong to one driver: another driver takes none of them over. */
function mergeLogging(base: Node, over: Node, at: Patterns<Merge> | undefined, path: readonly string[]): Node {
  if (base.kind !== "map" || over.kind !== "map") return isNull(over) ? base : over;
  const [before, after] = [get(base, "driver"), get(over, "driver")];
  const same = before?.kind === "scalar" && after?.kind === "scalar" && before.value === after.value;
  return same || before === undefined || after === undefined ? mergeMaps(base, over, at, path) : over;
}

/**
 * Pools of one subnet become one pool. Compose changes the first file's pools while it compares them, so that three different subnets lose one: what it
 * makes of them is what its networks get, and so it is made here too.
 */
function mergeAddressPools(base: Node, over: Node): Node {
  if (base.kind !== "list" || over.kind !== "list") return over;
  if (base.items.length * over.items.length > MOST_POOLS) {
    refuse("too-complex", over.at, "these are too many address pools to be merged", "declare fewer of them");
  }
  const others = over.items.flatMap(poolOf);
  const pools: Pool[] = [];
  for (const original of base.items.flatMap(poolOf)) {
    for (const other of others) {
      const isKnown = pools.some((pool) => subnetOf(pool) === subnetOf(other));
      if (subnetOf(other) !== subnetOf(original) && !isKnown) {
        pools.push(other);
        continue;
      }
      for (const [key, entry] of other.entries) original.entries.set(key, entry);
      const index = pools.findIndex((pool) => subnetOf(pool) === subnetOf(original));
      if (index >= 0) pools[index] = original;
      else pools.push(original);
    }
  }
  return list(
    pools.map(({ entries, at }) => ({ kind: "map", entries: new Map(entries), at })),
    over.at,
  );
}

/** Pairs of pools that are compared. */
const MOST_POOLS = 10_000;

interface Pool {
  readonly entries: Map<string, MapEntry>;
  readonly at: Node["at"];
}

function poolOf(node: Node): Pool[] {
  return node.kind === "map" ? [{ entries: new Map(node.entries), at: node.at }] : [];
}

function subnetOf(pool: Pool): ScalarNode["value"] | undefined {
  const subnet = pool.entries.get("subnet")?.value;
  return subnet?.kind === "scalar" ? subnet.value : undefined;
}

/** Takes away what `!reset` and `!override` of a later file named; the node itself stands at `path`. */
export function withoutPaths(node: MapNode, resets: readonly (readonly string[])[], path: readonly string[] = []): MapNode {
  if (resets.length === 0) return node;
  let at: Patterns<true> | undefined = patternsOf(resets.map((reset) => [reset, true]));
  for (const key of path) at = below(at, key);
  return without(node, at);
}

function without(node: MapNode, at: Patterns<true> | undefined): MapNode {
  if (at === undefined) return node;
  const entries = new Map<string, MapEntry>();
  for (const [key, entry] of node.entries) {
    const inner = below(at, key);
    if (inner?.rule === true) continue;
    entries.set(key, entry.value.kind === "map" ? { key: entry.key, value: without(entry.value, inner) } : entry);
  }
  return { ...node, entries };
}
