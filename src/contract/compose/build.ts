import type { Place } from "../source/place.ts";
import type { ListNode, MapEntry, MapNode, Node, ScalarNode } from "./node.ts";

export function scalar(value: ScalarNode["value"], at: Place): ScalarNode {
  return { kind: "scalar", value, at, written: value === null ? "" : String(value), variables: [] };
}

/** A scalar that stands for `from`, or for a part of it, with another value. */
export function derived(from: ScalarNode, value: ScalarNode["value"], at: Place = from.at): ScalarNode {
  return { kind: "scalar", value, at, written: from.written, variables: from.variables };
}

export function list(nodes: readonly Node[], at: Place): ListNode {
  return { kind: "list", items: nodes, at };
}

export function map(entries: Iterable<readonly [string, MapEntry]>, at: Place): MapNode {
  return { kind: "map", entries: new Map(entries), at };
}

/** A mapping out of values alone: a key stands where its value stands. What is undefined is left out. */
export function record(values: Readonly<Record<string, Node | undefined>>, at: Place): MapNode {
  const entries = new Map<string, MapEntry>();
  for (const [key, value] of Object.entries(values)) if (value !== undefined) entries.set(key, { key: value.at, value });
  return { kind: "map", entries, at };
}

/** The value of a key; undefined when the node is no mapping or has no such key. */
export function get(node: Node | undefined, key: string): Node | undefined {
  return node?.kind === "map" ? node.entries.get(key)?.value : undefined;
}

export function getMap(node: Node | undefined, key: string): MapNode | undefined {
  const value = get(node, key);
  return value?.kind === "map" ? value : undefined;
}

export function getScalar(node: Node | undefined, key: string): ScalarNode | undefined {
  const value = get(node, key);
  return value?.kind === "scalar" ? value : undefined;
}

/** The text of a string; undefined for everything else. */
export function getText(node: Node | undefined, key: string): string | undefined {
  const value = get(node, key);
  return value?.kind === "scalar" && typeof value.value === "string" ? value.value : undefined;
}

export function items(node: Node | undefined): readonly Node[] {
  return node?.kind === "list" ? node.items : [];
}

export function isNull(node: Node | undefined): boolean {
  return node?.kind === "scalar" && node.value === null;
}

/** The same mapping with one value more, or another one. An undefined value takes the key away. */
export function withEntry(node: MapNode, key: string, value: Node | undefined): MapNode {
  const entries = new Map(node.entries);
  if (value === undefined) entries.delete(key);
  else entries.set(key, { key: node.entries.get(key)?.key ?? value.at, value });
  return { ...node, entries };
}

/** The same mapping with every value changed; the mapping itself when nothing did. */
export function mapValues(node: MapNode, change: (value: Node, key: string) => Node): MapNode {
  let entries: Map<string, MapEntry> | undefined;
  for (const [key, entry] of node.entries) {
    const value = change(entry.value, key);
    if (value === entry.value) continue;
    entries ??= new Map(node.entries);
    entries.set(key, { key: entry.key, value });
  }
  return entries === undefined ? node : { ...node, entries };
}

/** The same list with every item changed; the list itself when nothing did. */
export function mapItems(node: ListNode, change: (value: Node, index: number) => Node): ListNode {
  let changed: Node[] | undefined;
  for (const [index, item] of node.items.entries()) {
    const value = change(item, index);
    if (value === item) continue;
    changed ??= [...node.items];
    changed[index] = value;
  }
  return changed === undefined ? node : { ...node, items: changed };
}
