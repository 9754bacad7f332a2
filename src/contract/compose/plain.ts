import type { Node } from "./node.ts";

export type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

/** The values alone, without their places. */
export function plain(node: Node): Plain {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(plain);
  const made = Object.create(null) as { [key: string]: Plain };
  for (const [key, entry] of node.entries) made[key] = plain(entry.value);
  return made;
}
