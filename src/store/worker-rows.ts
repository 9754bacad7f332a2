import { type CompiledQuery, sql } from "kysely";
import type { InstanceStatus } from "../model/instance.ts";
import type { AsOf, WorkerChange } from "./store.ts";
import { build } from "./tables.ts";
import { inParts } from "./row-parts.ts";

/** Changes what is given of a worker's row; makes the row where there is none. */
export function putWorker(worker: string, change: WorkerChange): readonly CompiledQuery[] {
  const { container, state, sinceMs, why, bootID, bootedAtMs, version, image, engine } = change;
  const given = {
    ...(container === undefined ? {} : { container_name: container }),
    ...(state === undefined ? {} : { state }),
    ...(sinceMs === undefined ? {} : { since_ms: sinceMs }),
    ...(why === undefined ? {} : { why }),
    ...(bootID === undefined ? {} : { boot_id: bootID }),
    ...(bootedAtMs === undefined ? {} : { booted_at_ms: bootedAtMs }),
    ...(version === undefined ? {} : { version }),
    ...(image === undefined ? {} : { image }),
    ...(engine === undefined ? {} : { engine }),
  };
  return [
    build
      .insertInto("workers")
      .values({ worker_name: worker, state: "connecting", since_ms: 0, why: "", ...given })
      .onConflict((conflict) =>
        Object.keys(given).length === 0 ? conflict.doNothing() : conflict.column("worker_name").doUpdateSet(given),
      )
      .compile(),
  ];
}

/** All instances of a container, as its hello tells them. What came later than the hello stays. */
export function putProcesses(
  worker: string,
  container: string,
  { bootID, lastSeq, atMs }: AsOf,
  statuses: readonly InstanceStatus[],
): readonly CompiledQuery[] {
  const parts = inParts(statuses.map((status) => [status.id, JSON.stringify(status)]));
  const ids = JSON.stringify(statuses.map(({ id }) => id));
  return [
    ...parts.map((rows) =>
      sql`
      insert into instances (worker_name, container_name, boot_id, seq, as_of_ms, instance_id, status, removed)
      select ${worker}, ${container}, ${bootID}, ${lastSeq}, ${atMs}, value ->> 0, value ->> 1, 0
      from jsonb_each(${rows}) where true
      on conflict (worker_name, container_name, instance_id) do update set
        boot_id = excluded.boot_id, seq = excluded.seq, as_of_ms = excluded.as_of_ms, status = excluded.status, removed = 0
      where instances.boot_id <> excluded.boot_id or instances.seq <= excluded.seq`.compile(build),
    ),
    sql`
    update instances set removed = 1, boot_id = ${bootID}, seq = ${lastSeq}, as_of_ms = ${atMs}
    where worker_name = ${worker} and container_name = ${container} and removed = 0
      and not (boot_id = ${bootID} and seq > ${lastSeq})
      and instance_id not in (select value from json_each(${ids}))`.compile(build),
  ];
}
