/**
 * Rules for places in a document by dotted pattern, as in `services.*.ports`: `*` is any key and any item of a list. A tree of them is walked beside
 * the document, so that what no rule speaks of costs nothing.
 */
export interface Patterns<T> {
  readonly rule: T | undefined;
  readonly children: ReadonlyMap<string, Patterns<T>>;
}

interface Growing<T> {
  rule: T | undefined;
  readonly children: Map<string, Growing<T>>;
}

export function patterns<T>(table: Readonly<Record<string, T>>): Patterns<T> {
  return patternsOf(Object.entries(table).map(([pattern, rule]) => [pattern.split("."), rule] as const));
}

/** The same of paths whose keys may have dots. */
export function patternsOf<T>(rules: Iterable<readonly [readonly string[], T]>): Patterns<T> {
  const root: Growing<T> = { rule: undefined, children: new Map() };
  for (const [path, rule] of rules) {
    let at = root;
    for (const part of path) {
      let next = at.children.get(part);
      if (next === undefined) at.children.set(part, (next = { rule: undefined, children: new Map() }));
      at = next;
    }
    at.rule = rule;
  }
  return root;
}

/** The rules below a key; below an item of a list the key is `*`. */
export function below<T>(at: Patterns<T> | undefined, key: string): Patterns<T> | undefined {
  return at?.children.get(key) ?? at?.children.get("*");
}
