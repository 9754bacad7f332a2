import type { Page } from "../../model/kept.ts";
import type { EntryRow } from "./entry-rows.ts";
import { pageOf, type Range, rest } from "./pages.ts";

/** A page of entries ends before its text is longer, whatever the limit says: ten thousand lines may have 64 KiB each. */
const PAGE_TEXT = 16 * 1_048_576;
/** So many rows are read at first; then as many as the page may still take if they are like those. */
const FIRST_PART = 512;
const MOST_PART = 8192;

/** Reads entries in parts, each with the next range, until the page is full. */
export async function readEntryPage<Item>(
  range: Range,
  read: (range: Range) => Promise<readonly EntryRow[]>,
  itemOf: (row: EntryRow) => Item,
): Promise<Page<Item>> {
  const rows: EntryRow[] = [];
  let length = 0;
  let next = { ...range, limit: Math.min(range.limit, FIRST_PART) };
  for (;;) {
    const part = await read(next);
    for (const row of part) {
      length += lengthOf(row);
      if (length > PAGE_TEXT && rows.length > 0) return pageOf(rows, range, positionOf, itemOf, true);
      rows.push(row);
    }
    const last = part.at(-1);
    if (last === undefined || part.length < next.limit || rows.length >= range.limit) break;
    const fitting = Math.ceil(((PAGE_TEXT - length) * rows.length) / length) + 1;
    next = rest(range, last.position, Math.min(range.limit - rows.length, fitting, MOST_PART));
  }
  return pageOf(rows, range, positionOf, itemOf);
}

const positionOf = (row: EntryRow): number => row.position;
/** What stands beside the text is about as long as a short line. */
const lengthOf = (row: EntryRow): number => 200 + (row.text?.length ?? 0) + (row.more?.length ?? 0);
