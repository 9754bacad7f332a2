import { sql } from "kysely";
import type { WorkerState } from "../../model/entry.ts";
import type { InstanceStatus } from "../../model/instance.ts";
import type { ProcessView, WorkerView } from "../../model/kept.ts";
import type { Database } from "../database.ts";
import { build } from "../tables.ts";
import { all, oneOfIfAsked } from "./conditions.ts";

export async function readWorkers(database: Pick<Database, "read">): Promise<readonly Omit<WorkerView, "health">[]> {
  const rows = await database.read(
    build
      .selectFrom("workers as w")
      .leftJoin("usage as u", "u.worker_name", "w.worker_name")
      .selectAll("w")
      .select([
        "u.log_rows",
        "u.log_bytes",
        sql<number>`(
          SELECT count(*) FROM instances AS i
          WHERE i.worker_name = w.worker_name AND i.container_name = w.container_name AND i.removed = 0
        )`.as("instances"),
      ])
      .orderBy("w.worker_name")
      .compile(),
  );
  return rows.map((row) => ({
    worker: row.worker_name,
    container: row.container_name,
    state: row.state as WorkerState,
    sinceMs: row.since_ms,
    why: row.why,
    bootID: row.boot_id,
    bootedAtMs: row.booted_at_ms,
    version: row.version,
    image: row.image,
    engine: row.engine,
    instances: row.instances,
    logs: { rows: row.log_rows ?? 0, bytes: row.log_bytes ?? 0 },
  }));
}

/** Those that were not removed, in the order of worker, container and id. */
export async function readProcesses(
  database: Pick<Database, "read">,
  filter: { readonly workers?: readonly string[]; readonly containers?: readonly string[]; readonly instance?: string },
): Promise<readonly Omit<ProcessView, "linked">[]> {
  const rows = await database.read(
    build
      .selectFrom("instances")
      .select(["worker_name", "container_name", "instance_id", "as_of_ms", "status"])
      .where("removed", "=", 0)
      .where(
        all([
          ...oneOfIfAsked("worker_name", filter.workers),
          ...oneOfIfAsked("container_name", filter.containers),
          ...oneOfIfAsked("instance_id", filter.instance === undefined ? undefined : [filter.instance]),
        ]),
      )
      .orderBy("worker_name")
      .orderBy("container_name")
      .orderBy("instance_id")
      .compile(),
  );
  return rows.map((row) => ({
    worker: row.worker_name,
    container: row.container_name,
    instance: row.instance_id,
    asOfMs: row.as_of_ms,
    status: JSON.parse(row.status) as InstanceStatus,
  }));
}
