import { type CompiledQuery, sql } from "kysely";
import type { GroupView } from "../../model/kept.ts";
import type { Database } from "../database.ts";
import { build } from "../tables.ts";

export async function readGroups(database: Pick<Database, "read">): Promise<readonly Omit<GroupView, "live">[]> {
  const rows = await database.read(
    build
      .selectFrom("groups as g")
      .leftJoin(
        build
          .selectFrom("runs")
          .select((of) => [
            "group_folder",
            of.fn.countAll<number>().as("runs"),
            of.fn.coalesce(of.fn.sum<number>("cost_usd"), of.lit(0)).as("cost_usd"),
            of.fn.max("started_at_ms").as("last_run_at_ms"),
          ])
          .groupBy("group_folder")
          .as("r"),
        "r.group_folder",
        "g.folder",
      )
      .select(["folder", "name", "jid", "is_main", "agent", "network", "runs", "cost_usd", "last_run_at_ms"])
      .where("removed_at_ms", "is", null)
      .orderBy("folder")
      .compile(),
  );
  return rows.map((row) => ({
    folder: row.folder,
    name: row.name,
    jid: row.jid,
    isMain: row.is_main === 1,
    agent: row.agent,
    network: row.network,
    runs: row.runs ?? 0,
    costUSD: row.cost_usd ?? 0,
    lastRunAtMs: row.last_run_at_ms,
  }));
}

/** All there are: others are marked as removed. */
export function putGroups(
  groups: readonly Pick<GroupView, "folder" | "name" | "jid" | "isMain" | "agent" | "network">[],
  atMs: number,
): readonly CompiledQuery[] {
  const list = JSON.stringify(groups.map((group) => ({ ...group, isMain: group.isMain ? 1 : 0 })));
  return [
    sql`
      UPDATE groups SET removed_at_ms = ${atMs}
      WHERE removed_at_ms IS NULL AND folder NOT IN (SELECT value ->> 'folder' FROM json_each(${list}))`.compile(build),
    sql`
      INSERT INTO groups (folder, jid, name, is_main, agent, network, removed_at_ms)
      SELECT value ->> 'folder', value ->> 'jid', value ->> 'name', value ->> 'isMain', value ->> 'agent', value ->> 'network', NULL
      FROM json_each(${list}) WHERE true
      ON CONFLICT (folder) DO UPDATE SET
        jid = excluded.jid, name = excluded.name, is_main = excluded.is_main, agent = excluded.agent, network = excluded.network,
        removed_at_ms = NULL`.compile(build),
  ];
}
