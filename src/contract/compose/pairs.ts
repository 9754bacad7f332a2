import type { Place } from "../source/place.ts";
import { derived } from "./build.ts";
import type { MapEntry, MapNode, Node, ScalarNode } from "./node.ts";
import { printed } from "./text.ts";

/** `KEY=value` of a list, or an entry of a mapping; `value` is null for a name alone. */
export interface Pair {
  readonly key: Place;
  readonly value: ScalarNode;
}

/** The pairs of a list or mapping of names and texts, the last one of each name. */
export function pairs(node: Node | undefined): Map<string, Pair> {
  const made = new Map<string, Pair>();
  if (node?.kind === "map") {
    for (const [name, entry] of node.entries)
      if (entry.value.kind === "scalar") made.set(name, { key: entry.key, value: asText(entry.value) });
  }
  if (node?.kind === "list") {
    for (const item of node.items) if (item.kind === "scalar") made.set(...split(item));
  }
  return made;
}

/** The same as a mapping, which is how the finished document has every one of them. */
export function pairsNode(node: Node): MapNode {
  const entries = new Map<string, MapEntry>();
  for (const [name, pair] of pairs(node)) entries.set(name, pair);
  return { kind: "map", entries, at: node.at };
}

function asText(value: ScalarNode): ScalarNode {
  const text = printed(value);
  return text === undefined || text === value.value ? value : { ...value, value: text };
}

function split(item: ScalarNode): [string, Pair] {
  const text = printed(item) ?? "";
  const cut = text.indexOf("=");
  if (item.pair !== undefined)
    return [cut < 0 ? text : text.slice(0, cut), { key: item.pair.key, value: ofEnvironment(item, text, cut) }];
  const { at } = item;
  const quotes = at.endColumn - at.column - item.written.length;
  const equals = item.written.indexOf("=");
  const clear = at.line === at.endLine && (quotes === 0 || quotes === 2) && (equals >= 0 || cut < 0);
  const middle = at.column + quotes / 2 + (equals < 0 ? item.written.length : equals);
  const key = clear ? { ...at, column: at.column + quotes / 2, endColumn: middle } : at;
  if (cut < 0) return [text, { key, value: { ...derived(item, null), written: "" } }];
  const place = clear && equals >= 0 ? { ...at, column: middle + 1, endColumn: at.endColumn - quotes / 2 } : at;
  const value = { ...derived(item, text.slice(cut + 1), place), written: equals < 0 ? "" : item.written.slice(equals + 1) };
  return [text.slice(0, cut), { key, value }];
}

/** A value that was null in the file may have come out of the environment since. */
function ofEnvironment(item: ScalarNode, text: string, cut: number): ScalarNode {
  const own = item.pair?.value ?? item;
  return own.value === null ? derived(own, cut < 0 ? null : text.slice(cut + 1)) : asText(own);
}
