import { type CompiledQuery, sql } from "kysely";
import type { Database, Done } from "../database.ts";
import type { HistoryBounds, HistoryRetention } from "../store.ts";
import { build, placed } from "../tables.ts";
import { markOf, positionAt } from "./marks.ts";

// What the house itself remembers: runs, messages, the audit, terminals. None of these rows needs another: what names a run or a message that went names it
// still.

/** A run's record may be long. */
const STEP_ROWS = 200;

type Write = (queries: readonly CompiledQuery[]) => Promise<readonly Done[]>;
type PlacedTable = "runs" | "messages" | "audit";

/** Takes rows out until the bounds are kept or the signal comes. Gives how many. */
export async function retainHistory(
  database: Pick<Database, "read">,
  write: Write,
  bounds: HistoryRetention,
  nowMs: number,
  signal: AbortSignal,
): Promise<number> {
  let gone = 0;
  for (const table of ["runs", "messages", "audit"] as const)
    gone += await dropPlaced(database, write, table, bounds[table], nowMs, signal);
  gone += await dropTerminals(database, write, bounds.terminals, nowMs, signal);
  if (!signal.aborted) await write([dropMoments]);
  return gone;
}

/** What retention took out of what is read from files too: none of it shall come in again. */
export async function readTakenOut(
  database: Pick<Database, "read">,
): Promise<{ readonly runsUpToMs: number | null; readonly auditLine: number | null }> {
  return { runsUpToMs: await markOf(database, "runs gone"), auditLine: await markOf(database, "audit line gone") };
}

async function dropPlaced(
  database: Pick<Database, "read">,
  write: Write,
  table: PlacedTable,
  { maxAgeMs, maxRows }: HistoryBounds,
  nowMs: number,
  signal: AbortSignal,
): Promise<number> {
  const aged = maxAgeMs === null ? 0 : await positionAt(database, nowMs - maxAgeMs);
  const beyond = maxRows === null ? 0 : await newestBeyond(database, table, "position", maxRows);
  let gone = 0;
  while (!signal.aborted) {
    const oldest = await database.read(
      sql<{ position: number }>`
      select position from ${sql.table(table)} where position <= ${Math.max(aged, beyond)}
      order by position limit ${STEP_ROWS}`.compile(build),
    );
    if (oldest.length === 0) break;
    const these = JSON.stringify(oldest.map(({ position }) => position));
    await write([
      ...remember[table](these, nowMs),
      sql`delete from ${sql.table(table)} where position in (select value from json_each(${these}))`.compile(build),
    ]);
    gone += oldest.length;
  }
  return gone;
}

const among = (these: string) => sql`position in (select value from json_each(${these}))`;

/** What has to be known of rows that go. */
const remember: { readonly [Table in PlacedTable]: (these: string, nowMs: number) => readonly CompiledQuery[] } = {
  // A clock that was wrong once shall not keep out what begins before that time comes.
  runs: (these, nowMs) => [
    sql`
    insert into marks (name, value)
    select 'runs gone', max(started_at_ms) from runs where ${among(these)} and started_at_ms <= ${nowMs} having count(*) > 0
    on conflict (name) do update set value = max(marks.value, excluded.value)`.compile(build),
  ],
  messages: () => [],
  audit: (these) => [
    sql`
    insert into marks (name, value)
    select 'audit line gone', facts ->> '$.line' from audit where ${among(these)} and json_type(facts, '$.line') = 'integer'
    order by position desc limit 1
    on conflict (name) do update set value = excluded.value`.compile(build),
  ],
};

/** Sessions that are over; a session's number is its row's. */
async function dropTerminals(
  database: Pick<Database, "read">,
  write: Write,
  { maxAgeMs, maxRows }: HistoryBounds,
  nowMs: number,
  signal: AbortSignal,
): Promise<number> {
  const beforeMs = maxAgeMs === null ? 0 : nowMs - maxAgeMs;
  const beyond = maxRows === null ? 0 : await newestBeyond(database, "terminal_sessions", "rowid", maxRows);
  let gone = 0;
  while (!signal.aborted) {
    const oldest = await database.read(
      build
        .selectFrom("terminal_sessions")
        .select("rowid")
        .where("ended_at_ms", "is not", null)
        .where((where) => where.or([where("ended_at_ms", "<", beforeMs), where("rowid", "<=", beyond)]))
        .orderBy("rowid")
        .limit(STEP_ROWS)
        .compile(),
    );
    const last = oldest.at(-1);
    if (last === undefined) break;
    const these = JSON.stringify(oldest.map(({ rowid }) => rowid));
    await write([
      // No number is given twice: they are cursors.
      build
        .insertInto("marks")
        .values({ name: "terminal", value: last.rowid })
        .onConflict((conflict) => conflict.column("name").doUpdateSet({ value: sql`max(marks.value, excluded.value)` }))
        .compile(),
      sql`delete from terminal_sessions where rowid in (select value from json_each(${these}))`.compile(build),
    ]);
    gone += oldest.length;
  }
  return gone;
}

/** The newest of the rows that are more than so many. */
async function newestBeyond(
  database: Pick<Database, "read">,
  table: string,
  column: "position" | "rowid",
  maxRows: number,
): Promise<number> {
  const number = sql.ref(column);
  const [row] = await database.read(
    sql<{ number: number }>`
    select ${number} as number from ${sql.table(table)} order by ${number} desc limit 1 offset ${maxRows}`.compile(build),
  );
  return row?.number ?? 0;
}

/** The notes of when positions were given, as far as no row is left whose age they could tell. */
const dropMoments = sql`
  delete from moments where position < min(${sql.join(
    placed.map((table) => sql`ifnull((select min(position) from ${sql.table(table)}), ${sql.lit(Number.MAX_SAFE_INTEGER)})`),
  )}) and at_ms < (select max(at_ms) from moments)`.compile(build);
