import type { Node } from "./node.ts";

export type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

/** The values alone, without their places. */
export function plain(node: Node): Plain {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(plain);
  // Makes own properties of every key, `__proto__` too.
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plain(entry.value)]));
}

/** The same text for equal values, whatever the order of their keys. */
export function plainText(value: Plain): string {
  if (Array.isArray(value)) return `[${value.map(plainText).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}:${plainText(one)}`);
  return `{${entries.toSorted().join(",")}}`;
}
