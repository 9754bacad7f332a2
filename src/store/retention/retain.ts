import { type CompiledQuery, sql } from "kysely";
import type { Database, Done } from "../database.ts";
import type { Retention } from "../store.ts";
import { build } from "../tables.ts";
import type { LineDropper } from "./lines.ts";
import { mark, markOf, positionAt } from "./marks.ts";

// What is older or more than the bounds goes, oldest first, in steps of so few rows that none holds up those who write.

const STEP_ROWS = 1_000;

/** Of each worker: more than are ever told to it. */
const BOOTS_KEPT = 10_000;

type Write = (queries: readonly CompiledQuery[]) => Promise<readonly Done[]>;

export interface RetainOptions {
  readonly database: Database;
  readonly write: Write;
  readonly lines: LineDropper;
}

/** Takes out what workers have beyond the bounds until they are kept or the signal comes. Gives how many rows went. */
export async function retain(
  { database, write, lines }: RetainOptions,
  bounds: Retention,
  nowMs: number,
  signal: AbortSignal,
): Promise<number> {
  const agedUpTo = bounds.maxAgeMs === null ? 0 : await positionAt(database, nowMs - bounds.maxAgeMs);
  // Said before it is done: who asks for what is there meanwhile hears that some may be missing.
  if (agedUpTo > ((await markOf(database, "aged")) ?? 0)) await write([mark("aged", agedUpTo), mark("dropped", agedUpTo)]);
  let gone = await lines.dropAged(agedUpTo, signal);
  gone += await lines.dropExcess(bounds, signal);
  for (const table of ["process_events", "error_occurrences"] as const) {
    gone += await dropAged(database, write, table, agedUpTo, signal);
    gone += await dropBeyond(database, write, table, bounds, signal);
  }
  gone += await dropAged(database, write, "house_events", agedUpTo, signal);
  gone += await dropOldest(database, write, "containers", { maxRows: BOOTS_KEPT, maxBytes: null }, signal);
  gone += await dropOldest(database, write, "errors", bounds, signal);
  if (bounds.maxAgeMs !== null && !signal.aborted) gone += await dropOld(write, nowMs - bounds.maxAgeMs);
  return gone;
}

type EventTable = "process_events" | "error_occurrences" | "house_events";

async function dropAged(database: Database, write: Write, table: EventTable, upTo: number, signal: AbortSignal): Promise<number> {
  let gone = 0;
  while (!signal.aborted) {
    // Asked first: where nothing is old nothing is written.
    const aged = sql<{ position: number }>`select position from ${sql.table(table)} where position <= ${upTo} order by position`;
    const [oldest] = await database.read(sql<{ position: number }>`${aged} limit 1`.compile(build));
    if (oldest === undefined) break;
    const [done] = await write([
      sql`delete from ${sql.table(table)} where position in (${aged} limit ${STEP_ROWS})`.compile(build),
    ]);
    gone += done?.changed ?? 0;
  }
  return gone;
}

/** What of a row may be long. */
const longColumn = { process_events: "event", error_occurrences: "error_group", errors: "last", containers: "boot_id" } as const;
const bytesOf = (table: keyof typeof longColumn) => sql<number>`octet_length(${sql.ref(longColumn[table])})`;

type Bounds = Pick<Retention, "maxRows" | "maxBytes">;

async function dropBeyond(
  database: Database,
  write: Write,
  table: Exclude<EventTable, "house_events">,
  { maxRows, maxBytes }: Bounds,
  signal: AbortSignal,
): Promise<number> {
  if (maxRows === null && maxBytes === null) return 0;
  const counts = await database.read(
    build
      .selectFrom(table)
      .select(["worker_name", sql<number>`count(*)`.as("rows"), sql<number>`sum(${bytesOf(table)})`.as("bytes")])
      .groupBy("worker_name")
      .compile(),
  );
  let gone = 0;
  for (const { worker_name, rows, bytes } of counts) {
    const over = { rows: rows - (maxRows ?? rows), bytes: bytes - (maxBytes ?? bytes) };
    while ((over.rows > 0 || over.bytes > 0) && !signal.aborted) {
      const oldest = await database.read(
        build
          .selectFrom(table)
          .select(["position", bytesOf(table).as("bytes")])
          .where("worker_name", "=", worker_name)
          .orderBy("position")
          .limit(STEP_ROWS)
          .compile(),
      );
      const tooMany = oldest.filter((row) => {
        if (over.rows <= 0 && over.bytes <= 0) return false;
        over.rows -= 1;
        over.bytes -= row.bytes;
        return true;
      });
      const last = tooMany.at(-1);
      if (last === undefined) break;
      const positions = JSON.stringify(tooMany.map(({ position }) => position));
      await write([
        sql`delete from ${sql.table(table)} where position in (select value from json_each(${positions}))`.compile(build),
        sql`
        insert into usage (worker_name, log_rows, log_bytes, dropped_up_to) values (${worker_name}, 0, 0, ${last.position})
        on conflict (worker_name) do update set dropped_up_to = max(usage.dropped_up_to, excluded.dropped_up_to)`.compile(build),
        mark("dropped", last.position),
      ]);
      gone += tooMany.length;
    }
  }
  return gone;
}

/** Rows that have no positions, of each worker those that were not seen for longest. */
async function dropOldest(
  database: Database,
  write: Write,
  table: "containers" | "errors",
  { maxRows, maxBytes }: Bounds,
  signal: AbortSignal,
): Promise<number> {
  if (maxRows === null && maxBytes === null) return 0;
  let gone = 0;
  while (!signal.aborted) {
    const oldest = await database.read(
      sql<{ id: number }>`
      select id from (
        select rowid as id, count(*) over newer as place, sum(${bytesOf(table)}) over newer as bytes from ${sql.table(table)}
        window newer as (partition by worker_name order by last_seen_ms desc rows unbounded preceding))
      where place > ${maxRows ?? Number.MAX_SAFE_INTEGER} or bytes > ${maxBytes ?? Number.MAX_SAFE_INTEGER}
      limit ${STEP_ROWS}`.compile(build),
    );
    if (oldest.length === 0) break;
    const ids = JSON.stringify(oldest.map(({ id }) => id));
    await write([sql`delete from ${sql.table(table)} where rowid in (select value from json_each(${ids}))`.compile(build)]);
    gone += oldest.length;
  }
  return gone;
}

/** What is not an entry and ages all the same: groups of errors that were not seen again, and instances that are no more. */
async function dropOld(write: Write, beforeMs: number): Promise<number> {
  const [errors] = await write([
    build.deleteFrom("errors").where("last_seen_ms", "<", beforeMs).compile(),
    build.deleteFrom("instances").where("removed", "=", 1).where("as_of_ms", "<", beforeMs).compile(),
  ]);
  return errors?.changed ?? 0;
}
