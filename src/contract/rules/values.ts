import type { MapEntry, MapNode, Node } from "../compose/node.ts";

/** The node under these keys. */
export function under(node: Node | undefined, ...keys: readonly string[]): Node | undefined {
  let found = node;
  for (const key of keys) found = found?.kind === "map" ? found.entries.get(key)?.value : undefined;
  return isNothing(found) ? undefined : found;
}

/** The entry itself, for its key's place. */
export function entryOf(node: MapNode, key: string): MapEntry | undefined {
  const entry = node.entries.get(key);
  return isNothing(entry?.value) ? undefined : entry;
}

/** A scalar as text; undefined for anything else. */
export function textOf(node: Node | undefined): string | undefined {
  return node?.kind === "scalar" && node.value !== null ? String(node.value) : undefined;
}

/** The items of a list; a single scalar is a list of one, as Compose takes it in most places. */
export function itemsOf(node: Node | undefined): readonly Node[] {
  if (node === undefined || isNothing(node)) return [];
  if (node.kind === "list") return node.items;
  return node.kind === "scalar" ? [node] : [];
}

/** Whether Compose takes it for true: it casts these words, however they are quoted. */
export function isOn(node: Node | undefined): boolean {
  return /^(?:true|yes|y|on|1|t)$/i.test(textOf(node) ?? "");
}

export function isOff(node: Node | undefined): boolean {
  return /^(?:false|no|n|off|0|f)$/i.test(textOf(node) ?? "");
}

function isNothing(node: Node | undefined): boolean {
  return node === undefined || (node.kind === "scalar" && node.value === null);
}
