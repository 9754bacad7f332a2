export type Row = readonly (string | number | null)[];

/** UTF-16 units of one JSON parameter, about: D1 takes no text of more than 2 MB. */
export const PART_LIMIT = 250_000;

/** Rows as JSON arrays of arrays, no longer than a parameter may be. */
export function inParts(rows: readonly Row[]): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  let length = 0;
  for (const [index, row] of rows.entries()) {
    let own = 0;
    for (const value of row) own += typeof value === "string" ? value.length : 16;
    if (length > 0 && length + own > PART_LIMIT) {
      parts.push(JSON.stringify(rows.slice(from, index)));
      from = index;
      length = 0;
    }
    length += own;
  }
  if (from < rows.length) parts.push(JSON.stringify(rows.slice(from)));
  return parts;
}
