import { type CompiledQuery, sql } from "kysely";
import type { ModuleState } from "../../model/entry.ts";
import type { CheckView, ModuleView } from "../../model/kept.ts";
import type { Database } from "../database.ts";
import { build } from "../tables.ts";

export async function readModules(database: Pick<Database, "read">): Promise<readonly ModuleView[]> {
  const rows = await database.read(build.selectFrom("modules").selectAll().orderBy("module").compile());
  return rows.map((row) => ({
    module: row.module,
    state: row.state as ModuleState,
    why: row.why,
    sinceMs: row.since_ms,
    containers: JSON.parse(row.containers) as ModuleView["containers"],
  }));
}

/** All there are: others go. */
export function putModules(modules: readonly ModuleView[]): readonly CompiledQuery[] {
  return [
    build.deleteFrom("modules").compile(),
    sql`
      INSERT INTO modules (module, state, why, since_ms, containers)
      SELECT value ->> 'module', value ->> 'state', value ->> 'why', value ->> 'sinceMs', value -> 'containers'
      FROM json_each(${JSON.stringify(modules)})`.compile(build),
  ];
}

export async function readLastCheck(database: Pick<Database, "read">): Promise<CheckView | null> {
  const [row] = await database.read(build.selectFrom("checks").selectAll().orderBy("at_ms", "desc").limit(1).compile());
  if (row === undefined) return null;
  return {
    atMs: row.at_ms,
    outcome: row.outcome as CheckView["outcome"],
    broken: row.broken,
    unknown: row.unknown,
    report: JSON.parse(row.report),
  };
}

/** Checks that are kept; a report may be long, and they are made all the time. */
const CHECKS_KEPT = 100;

/** Of two checks in one millisecond the later one stays. */
export function putCheck(check: CheckView): readonly CompiledQuery[] {
  const { atMs, outcome, broken, unknown } = check;
  const rest = { outcome, broken, unknown, report: JSON.stringify(check.report ?? null) };
  return [
    build
      .insertInto("checks")
      .values({ at_ms: atMs, ...rest })
      .onConflict((conflict) => conflict.column("at_ms").doUpdateSet(rest))
      .compile(),
    sql`
      DELETE FROM checks WHERE at_ms <= (SELECT at_ms FROM checks ORDER BY at_ms DESC LIMIT 1 OFFSET ${CHECKS_KEPT})`.compile(
      build,
    ),
  ];
}
