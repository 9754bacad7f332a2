import type { Page } from "../../model/kept.ts";
import type { PageQuery } from "../store.ts";

/** Where a page begins and ends, both left out, and which way it is read. */
export interface Range {
  readonly after: number;
  readonly before: number;
  readonly order: "ASC" | "DESC";
  /** One more than the page takes: it tells whether there is more. */
  readonly limit: number;
}

export function rangeOf(query: PageQuery): Range {
  return {
    // Nothing has a position below zero, so that what is left out bounds nothing and every statement keeps one form.
    after: query.after ?? -1,
    before: query.before ?? Number.MAX_SAFE_INTEGER,
    order: query.after === undefined ? "DESC" : "ASC",
    limit: query.limit + 1,
  };
}

/** The range without what has been read. */
export function rest(range: Range, lastRead: number, limit: number): Range {
  return range.order === "DESC" ? { ...range, before: lastRead, limit } : { ...range, after: lastRead, limit };
}

/** A page of rows that were read as the range says, up to its limit; `cut` where there is more although it was not reached. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  range: Range,
  cursor: (row: Row) => number,
  itemOf: (row: Row) => Item,
  cut = false,
): Page<Item> {
  const full = rows.length >= range.limit;
  const kept = full ? rows.slice(0, range.limit - 1) : [...rows];
  if (range.order === "DESC") kept.reverse();
  const [first] = kept;
  const last = kept.at(-1);
  return {
    items: kept.map(itemOf),
    first: first === undefined ? null : cursor(first),
    last: last === undefined ? null : cursor(last),
    more: full || cut,
  };
}
