import { NovaError, quote } from "../../model/errors.ts";
import { setRow } from "../file/secrets-file.ts";
import type { PlainRow } from "../sops/document.ts";
import { rowText } from "../sops/rows.ts";

/**
 * What two people made of the same rows at the same time, as one: `mine` as it was edited, `theirs` as it stands in the file now. Rejects with
 * SECRETS_INVALID where both changed the same name, or both the comments, in different ways.
 */
export function mergeRows(
  base: readonly PlainRow[],
  mine: readonly PlainRow[],
  theirs: readonly PlainRow[],
  place: string,
): PlainRow[] {
  const [before, my, their] = [base, mine, theirs].map(comments);
  if (my !== before && their !== before && my !== their) throw conflict("the comments", place);
  // Whose comments are new gives the order of the rows.
  const [start, other] = their === before ? [mine, theirs] : [theirs, mine];
  const [from, kept, changed] = [values(base), values(start), values(other)];
  let rows = [...start];
  for (const name of new Set([...from.keys(), ...changed.keys()])) {
    const value = changed.get(name);
    if (value === from.get(name) || value === kept.get(name)) continue;
    if (kept.get(name) !== from.get(name)) throw conflict(quote(name), place);
    rows = value === undefined ? rows.filter((row) => row.kind === "comment" || row.name !== name) : setRow(rows, name, value);
  }
  // What stands in the file already keeps its ciphertext; of anything else the older one may belong to another data key.
  const standing = new Map(theirs.map((row) => [rowText(row), row]));
  return rows.map((row): PlainRow => {
    const same = standing.get(rowText(row));
    if (same && (row.kind === "comment" || (same.kind === "value" && same.value === row.value))) return same;
    return row.kind === "comment" ? { kind: "comment", text: row.text } : { kind: "value", name: row.name, value: row.value };
  });
}

function comments(rows: readonly PlainRow[]): string {
  return JSON.stringify(rows.flatMap((row) => (row.kind === "comment" ? [row.text] : [])));
}

function values(rows: readonly PlainRow[]): ReadonlyMap<string, string> {
  return new Map(rows.flatMap((row) => (row.kind === "value" ? [[row.name, row.value] as const] : [])));
}

function conflict(what: string, place: string): NovaError {
  return new NovaError("SECRETS_INVALID", `Somebody else changed ${what} too, in another way; nothing was written.`, {
    place,
    next: "Look at the file as it is now, then edit it again.",
  });
}
