/** Who waits for whom: ids and the ids that have to be ready before. */
export type Waits = ReadonlyMap<string, readonly string[]>;

/** A circle that goes through `id`, as the ids on its way, the first one again at its end. Null when there is none. */
export function circleThrough(id: string, waits: Waits): readonly string[] | null {
  const seen = new Set<string>();
  const walk = (at: string, way: readonly string[]): readonly string[] | null => {
    for (const next of waits.get(at) ?? []) {
      if (next === id) return [...way, next];
      if (seen.has(next)) continue;
      seen.add(next);
      const found = walk(next, [...way, next]);
      if (found !== null) return found;
    }
    return null;
  };
  return walk(id, [id]);
}

/** How many have to end one after the other, from each id on: itself and the longest line of those it waits for. There must be no circle. */
export function depths(waits: Waits): Map<string, number> {
  const known = new Map<string, number>();
  const depth = (id: string): number => {
    const before = known.get(id);
    if (before !== undefined) return before;
    const own = 1 + Math.max(0, ...(waits.get(id) ?? []).filter((one) => waits.has(one)).map(depth));
    known.set(id, own);
    return own;
  };
  for (const id of waits.keys()) depth(id);
  return known;
}
