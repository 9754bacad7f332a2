import { type CompiledQuery, sql } from "kysely";
import type { Page, TerminalSession } from "../../model/kept.ts";
import type { Database } from "../database.ts";
import type { PageQuery } from "../store.ts";
import { build } from "../tables.ts";
import { all, oneOf, oneOfIfAsked } from "./conditions.ts";
import { pageOf, rangeOf } from "./pages.ts";

/** Sessions in the order in which they were first put; cursors are the rows' own numbers. */
export async function readTerminals(
  database: Pick<Database, "read">,
  query: { readonly worker?: string } & PageQuery,
): Promise<Page<TerminalSession>> {
  const range = rangeOf(query);
  const number = sql<number>`terminal_sessions.rowid`;
  const rows = await database.read(
    build
      .selectFrom("terminal_sessions")
      .selectAll()
      .select(number.as("number"))
      .where(all(oneOfIfAsked("worker_name", query.worker === undefined ? undefined : [query.worker])))
      .where(number, ">", range.after)
      .where(number, "<", range.before)
      .orderBy(number, range.order === "ASC" ? "asc" : "desc")
      .limit(range.limit)
      .compile(),
  );
  return pageOf(
    rows,
    range,
    (row) => row.number,
    (row) => ({
      id: row.id,
      worker: row.worker_name,
      container: row.container_name,
      session: row.session,
      instance: row.instance_id,
      who: row.who,
      readonly: row.readonly === 1,
      openedAtMs: row.opened_at_ms,
      endedAtMs: row.ended_at_ms,
      why: row.why,
      bytesIn: row.bytes_in,
      bytesOut: row.bytes_out,
      recorded: row.recording !== null,
    }),
  );
}

export async function readKnownTerminals(database: Pick<Database, "read">, ids: readonly string[]): Promise<readonly string[]> {
  const rows = await database.read(build.selectFrom("terminal_sessions").select("id").where(oneOf("id", ids)).compile());
  return rows.map(({ id }) => id);
}

export async function readRecordingOf(database: Pick<Database, "read">, id: string): Promise<string | null> {
  const [row] = await database.read(build.selectFrom("terminal_sessions").select("recording").where("id", "=", id).compile());
  return row?.recording ?? null;
}

export function putTerminal(session: TerminalSession & { readonly recording: string | null }): readonly CompiledQuery[] {
  const changing = {
    container_name: session.container,
    session: session.session,
    instance_id: session.instance,
    ended_at_ms: session.endedAtMs,
    why: session.why,
    bytes_in: session.bytesIn,
    bytes_out: session.bytesOut,
    recording: session.recording,
  };
  return [
    build
      .insertInto("terminal_sessions")
      .values({
        // Also beyond those that retention took out.
        rowid: sql`1 + max(
          coalesce((select max(rowid) from terminal_sessions), 0), coalesce((select value from marks where name = 'terminal'), 0))`,
        id: session.id,
        worker_name: session.worker,
        who: session.who,
        readonly: session.readonly ? 1 : 0,
        opened_at_ms: session.openedAtMs,
        ...changing,
      })
      .onConflict((conflict) => conflict.column("id").doUpdateSet(changing))
      .compile(),
  ];
}

export function endTerminals(atMs: number, why: string): readonly CompiledQuery[] {
  return [build.updateTable("terminal_sessions").set({ ended_at_ms: atMs, why }).where("ended_at_ms", "is", null).compile()];
}
