import { sql } from "kysely";
import type { Database } from "../database.ts";
import { build } from "../tables.ts";
import type { EntryRow } from "./entry-rows.ts";
import type { Range } from "./pages.ts";

/** Where every line has to be looked at, so many positions are gone through at once: who asks for something quick is not kept waiting by it. */
const SPAN = 250_000;
/** Where little is to be looked at, more. */
const LONGEST_SPAN = 16 * SPAN;
const QUICK_MS = 20;

/** Reads as the range says, by statements that each go through no more than a span of it. */
export async function inSpans(
  database: Pick<Database, "read">,
  range: Range,
  read: (range: Range) => Promise<readonly EntryRow[]>,
): Promise<readonly EntryRow[]> {
  const [ends] = await database.read(newestAndOldest);
  const found: EntryRow[] = [];
  let after = Math.max(range.after, (ends?.first ?? 0) - 1);
  let before = Math.min(range.before, (ends?.last ?? 0) + 1);
  let span = SPAN;
  while (found.length < range.limit && after + 1 < before) {
    const from = range.order === "DESC" ? Math.max(after, before - span) : after;
    const to = range.order === "DESC" ? before : Math.min(before, after + span);
    const began = performance.now();
    const rows = await read({ ...range, after: from, before: to, limit: range.limit - found.length });
    span = performance.now() - began < QUICK_MS ? Math.min(span * 2, LONGEST_SPAN) : SPAN;
    for (const row of rows) found.push(row);
    if (range.order === "DESC") before = from + 1;
    else after = to - 1;
  }
  return found;
}

const tables = ["logs", "error_occurrences", "process_events", "house_events"];
const ends = (which: "min" | "max") =>
  sql.join(
    // What `min` and `max` of several values give is null when one of them is.
    tables.map(
      (table) =>
        sql`ifnull((SELECT ${sql.raw(which)}(position) FROM ${sql.table(table)}), ${which === "min" ? Number.MAX_SAFE_INTEGER : 0})`,
    ),
  );
const newestAndOldest = sql<{
  first: number;
  last: number;
}>`SELECT min(${ends("min")}) AS first, max(${ends("max")}) AS last`.compile(build);
