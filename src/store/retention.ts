import { type CompiledQuery, sql } from "kysely";
import type { Database, Done } from "./database.ts";
import type { Retention } from "./store.ts";
import { build } from "./tables.ts";

// What is older or more than the bounds goes, oldest first, in steps of so few rows that none holds up those who write.

const STEP_ROWS = 1_000;

/** Of each worker: more than are ever told to it. */
const BOOTS_KEPT = 10_000;

type Write = (queries: readonly CompiledQuery[]) => Promise<readonly Done[]>;

/** Takes rows out until the bounds are kept or the signal comes. Gives how many. */
export async function retain(
  database: Database,
  write: Write,
  bounds: Retention,
  nowMs: number,
  signal: AbortSignal,
): Promise<number> {
  const agedUpTo = bounds.maxAgeMs === null ? 0 : await positionAt(database, nowMs - bounds.maxAgeMs);
  // Said before it is done: who asks for what is there meanwhile hears that some may be missing.
  if (agedUpTo > (await markOf(database, "aged"))) await write([mark("aged", agedUpTo), mark("dropped", agedUpTo)]);
  let gone = await dropAgedLines(database, write, agedUpTo, signal);
  gone += await dropExcessLines(database, write, bounds, signal);
  for (const table of ["process_events", "error_occurrences"] as const) {
    gone += await dropAged(database, write, table, agedUpTo, signal);
    if (bounds.maxRows !== null) gone += await dropBeyond(database, write, table, bounds.maxRows, signal);
  }
  gone += await dropAged(database, write, "house_events", agedUpTo, signal);
  gone += await dropOldest(database, write, "containers", BOOTS_KEPT, signal);
  if (bounds.maxRows !== null) gone += await dropOldest(database, write, "errors", bounds.maxRows, signal);
  if (bounds.maxAgeMs !== null && !signal.aborted) gone += await dropOld(write, nowMs - bounds.maxAgeMs);
  return gone;
}

/** The newest position that was given before that time, by this side's clock. */
async function positionAt(database: Database, atMs: number): Promise<number> {
  const [moment] = await database.read(
    build.selectFrom("moments").select("position").where("at_ms", "<=", atMs).orderBy("at_ms", "desc").limit(1).compile(),
  );
  return moment?.position ?? 0;
}

async function markOf(database: Database, name: string): Promise<number> {
  const [row] = await database.read(build.selectFrom("marks").select("value").where("name", "=", name).compile());
  return row?.value ?? 0;
}

async function dropAgedLines(database: Database, write: Write, upTo: number, signal: AbortSignal): Promise<number> {
  let gone = 0;
  for (let after = 0; !signal.aborted && after < upTo;) {
    const lines = await readLines(database, after, upTo);
    const last = lines.at(-1);
    if (last === undefined) break;
    await write(dropLines(lines));
    gone += lines.length;
    after = last.position;
  }
  return gone;
}

async function dropExcessLines(
  database: Database,
  write: Write,
  { maxRows, maxBytes }: Retention,
  signal: AbortSignal,
): Promise<number> {
  const excess = new Map<string, { rows: number; bytes: number; from: number }>();
  for (const worker of await database.read(build.selectFrom("usage").selectAll().compile())) {
    const rows = worker.log_rows - (maxRows ?? worker.log_rows);
    const bytes = worker.log_bytes - (maxBytes ?? worker.log_bytes);
    if (rows <= 0 && bytes <= 0) continue;
    excess.set(worker.worker_name, { rows, bytes, from: worker.lines_from });
  }
  let gone = 0;
  let after = 0;
  while (!signal.aborted && excess.size > 0) {
    // What lies before the oldest lines of all that are left is others': one whose lines are far apart, or old, does not make it be read.
    after = Math.max(after, Math.min(...[...excess.values()].map(({ from }) => from)));
    const lines = await readLines(database, after, Number.MAX_SAFE_INTEGER);
    const last = lines.at(-1);
    if (last === undefined) break;
    const tooMany = lines.filter(({ worker_name, bytes }) => {
      const over = excess.get(worker_name);
      if (over === undefined) return false;
      over.rows -= 1;
      over.bytes -= bytes;
      if (over.rows <= 0 && over.bytes <= 0) excess.delete(worker_name);
      return true;
    });
    if (tooMany.length > 0) await write(dropLines(tooMany));
    gone += tooMany.length;
    after = last.position;
  }
  return gone;
}

interface Line {
  readonly position: number;
  readonly worker_name: string;
  readonly bytes: number;
}

function readLines(database: Database, after: number, upTo: number): Promise<readonly Line[]> {
  return database.read(
    build
      .selectFrom("logs")
      .select(["position", "worker_name", sql<number>`octet_length(text) + coalesce(octet_length(more), 0)`.as("bytes")])
      .where("position", ">", after)
      .where("position", "<=", upTo)
      .orderBy("position")
      .limit(STEP_ROWS)
      .compile(),
  );
}

function dropLines(lines: readonly Line[]): readonly CompiledQuery[] {
  const byWorker = new Map<string, { rows: number; bytes: number; upTo: number }>();
  for (const { position, worker_name, bytes } of lines) {
    const sum = byWorker.get(worker_name);
    byWorker.set(worker_name, { rows: (sum?.rows ?? 0) + 1, bytes: (sum?.bytes ?? 0) + bytes, upTo: position });
  }
  const these = JSON.stringify(lines.map(({ position }) => position));
  const sums = JSON.stringify([...byWorker].map(([worker, { rows, bytes, upTo }]) => [worker, rows, bytes, upTo]));
  return [
    // What is not in the index yet is never put there: it is filled from the lines that are there.
    sql`delete from log_words where rowid in (
      select value from json_each(${these}) where value <= (select value from marks where name = 'indexed'))`.compile(build),
    sql`delete from logs where position in (select value from json_each(${these}))`.compile(build),
    sql`
    insert into usage (worker_name, log_rows, log_bytes, dropped_up_to, lines_from)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 3 from json_each(${sums}) where true
    on conflict (worker_name) do update set
      log_rows = usage.log_rows - excluded.log_rows, log_bytes = usage.log_bytes - excluded.log_bytes,
      dropped_up_to = max(usage.dropped_up_to, excluded.dropped_up_to),
      lines_from = max(usage.lines_from, excluded.lines_from)`.compile(build),
    mark("dropped", lines.at(-1)?.position ?? 0),
  ];
}

function mark(name: "aged" | "dropped", position: number): CompiledQuery {
  return build
    .insertInto("marks")
    .values({ name, value: position })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ value: sql`max(marks.value, excluded.value)` }))
    .compile();
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

async function dropBeyond(
  database: Database,
  write: Write,
  table: Exclude<EventTable, "house_events">,
  maxRows: number,
  signal: AbortSignal,
): Promise<number> {
  const counts = await database.read(
    build
      .selectFrom(table)
      .select(["worker_name", sql<number>`count(*)`.as("rows")])
      .groupBy("worker_name")
      .having(sql<number>`count(*)`, ">", maxRows)
      .compile(),
  );
  let gone = 0;
  for (const { worker_name, rows } of counts) {
    let left = rows - maxRows;
    while (left > 0 && !signal.aborted) {
      const step = Math.min(left, STEP_ROWS);
      const oldest = await database.read(
        build
          .selectFrom(table)
          .select("position")
          .where("worker_name", "=", worker_name)
          .orderBy("position")
          .limit(step)
          .compile(),
      );
      const last = oldest.at(-1);
      if (last === undefined) break;
      const positions = JSON.stringify(oldest.map(({ position }) => position));
      await write([
        sql`delete from ${sql.table(table)} where position in (select value from json_each(${positions}))`.compile(build),
        sql`
        insert into usage (worker_name, log_rows, log_bytes, dropped_up_to) values (${worker_name}, 0, 0, ${last.position})
        on conflict (worker_name) do update set dropped_up_to = max(usage.dropped_up_to, excluded.dropped_up_to)`.compile(build),
        mark("dropped", last.position),
      ]);
      gone += oldest.length;
      left -= oldest.length;
    }
  }
  return gone;
}

/** Rows that have no positions, of each worker those that were not seen for longest. */
async function dropOldest(
  database: Database,
  write: Write,
  table: "containers" | "errors",
  most: number,
  signal: AbortSignal,
): Promise<number> {
  let gone = 0;
  while (!signal.aborted) {
    const oldest = await database.read(
      sql<{ id: number }>`
      select id from (
        select rowid as id, row_number() over (partition by worker_name order by last_seen_ms desc) as place from ${sql.table(table)})
      where place > ${most} limit ${STEP_ROWS}`.compile(build),
    );
    if (oldest.length === 0) break;
    const ids = JSON.stringify(oldest.map(({ id }) => id));
    await write([sql`delete from ${sql.table(table)} where rowid in (select value from json_each(${ids}))`.compile(build)]);
    gone += oldest.length;
  }
  return gone;
}

/** What is not an entry and ages all the same: groups of errors that were not seen again, and the notes of when positions were given. */
async function dropOld(write: Write, beforeMs: number): Promise<number> {
  const [errors] = await write([
    build.deleteFrom("errors").where("last_seen_ms", "<", beforeMs).compile(),
    // The newest of them is what the next one is reckoned from.
    sql`delete from moments where at_ms < (select max(at_ms) from moments where at_ms <= ${beforeMs})`.compile(build),
    build.deleteFrom("instances").where("removed", "=", 1).where("as_of_ms", "<", beforeMs).compile(),
  ]);
  return errors?.changed ?? 0;
}
