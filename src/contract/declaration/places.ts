import { isMap, isNode, isScalar, isSeq, type Document, type LineCounter } from "yaml";
import type { Place } from "../source/place.ts";

/** Where a value of a document stands: by its keys from the root, or by offsets. What is missing stands at its nearest ancestor. */
export interface Places {
  readonly file: string;
  at(path: readonly string[] | readonly [number, number]): Place;
  /** The key's place instead of its value's. */
  key(path: readonly string[]): Place;
}

export function placesOf(file: string, document: Document.Parsed, counter: LineCounter): Places {
  const place = (range: readonly number[] | null | undefined): Place => {
    const start = counter.linePos(range?.[0] ?? 0);
    const end = counter.linePos(range?.[1] ?? range?.[0] ?? 0);
    return {
      file,
      line: Math.max(1, start.line),
      column: Math.max(1, start.col),
      endLine: Math.max(1, end.line),
      endColumn: Math.max(1, end.col),
    };
  };
  const find = (path: readonly string[], keyOnly: boolean): Place => {
    let range: readonly number[] | null | undefined = document.contents?.range;
    let node: unknown = document.contents;
    for (const [index, part] of path.entries()) {
      let next: unknown;
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => (isScalar(key) ? String(key.value) : undefined) === part);
        if (keyOnly && index === path.length - 1 && isNode(pair?.key)) return place(pair.key.range);
        // A key without a value has its own place only.
        next = isNode(pair?.value) ? pair.value : pair?.key;
      } else if (isSeq(node)) next = node.items[Number(part)];
      if (!isNode(next)) break;
      node = next;
      range = next.range;
    }
    return place(range);
  };
  return {
    file,
    at: (path) =>
      typeof path[0] === "number" ? place(path as readonly [number, number]) : find(path as readonly string[], false),
    key: (path) => find(path, true),
  };
}
