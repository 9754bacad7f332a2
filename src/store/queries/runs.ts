import { type CompiledQuery, sql } from "kysely";
import type { Page, RunView } from "../../model/kept.ts";
import type { RunRecord } from "../../model/run.ts";
import type { Database } from "../database.ts";
import type { PageQuery } from "../store.ts";
import { build } from "../tables.ts";
import { all, oneOfIfAsked } from "./conditions.ts";
import { pageOf, rangeOf } from "./pages.ts";

interface RunRow {
  readonly position: number;
  readonly record: string;
}

const viewOf = (row: RunRow): RunView => ({ ...(JSON.parse(row.record) as RunRecord), position: row.position });

export async function readRuns(
  database: Pick<Database, "read">,
  query: { readonly groups?: readonly string[]; readonly outcomes?: readonly string[] } & PageQuery,
): Promise<Page<RunView>> {
  const range = rangeOf(query);
  const rows = await database.read(
    build
      .selectFrom("runs")
      .select(["position", "record"])
      .where(all([...oneOfIfAsked("group_folder", query.groups), ...oneOfIfAsked("outcome", query.outcomes)]))
      .where("position", ">", range.after)
      .where("position", "<", range.before)
      .orderBy("position", range.order === "ASC" ? "asc" : "desc")
      .limit(range.limit)
      .compile(),
  );
  return pageOf(rows, range, (row) => row.position, viewOf);
}

export async function readRun(database: Pick<Database, "read">, id: string): Promise<RunView | null> {
  const rows = await database.read(
    build
      .selectFrom("runs")
      .select(["id", "position", "record"])
      .where("id", ">=", id)
      // After everything that begins so.
      .where("id", "<", `${id}\u{10ffff}`)
      .orderBy("id")
      .limit(2)
      .compile(),
  );
  const [first, second] = rows;
  if (first === undefined || (second !== undefined && first.id !== id)) return null;
  return viewOf(first);
}

/** They get positions from the first on. One that is kept already stays as it is. */
export function putRuns(records: readonly RunRecord[], firstPosition: number): readonly CompiledQuery[] {
  const list = records.map((record, index) => ({
    position: firstPosition + index,
    startedAtMs: Date.parse(record.startedAt),
    denied: record.denied.reduce((sum, { count }) => sum + count, 0),
    record: JSON.stringify(record),
  }));
  return [
    sql`
      INSERT INTO runs (
        id, position, group_folder, started_at_ms, duration_ms, outcome, container_name, cost_usd, input_tokens, output_tokens, denied, record
      )
      SELECT
        record ->> 'id', position, record ->> 'group', started, record ->> 'durationMs', record ->> 'outcome', record ->> 'container',
        record ->> '$.usage.costUSD', record ->> '$.usage.inputTokens', record ->> '$.usage.outputTokens', denied, record
      FROM (
        SELECT value ->> 'position' AS position, value ->> 'startedAtMs' AS started, value ->> 'denied' AS denied, value ->> 'record' AS record
        FROM json_each(${JSON.stringify(list)})
      ) WHERE true
      ON CONFLICT (id) DO NOTHING`.compile(build),
  ];
}
