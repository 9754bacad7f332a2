import { type CompiledQuery, sql } from "kysely";
import type { ScheduledTask } from "../../model/task.ts";
import type { Database } from "../database.ts";
import { build } from "../tables.ts";
import { all, oneOfIfAsked } from "./conditions.ts";

/** Those that are due soonest first, those that never will be last. */
export async function readTasks(
  database: Pick<Database, "read">,
  groups: readonly string[] | undefined,
): Promise<readonly ScheduledTask[]> {
  const rows = await database.read(
    build
      .selectFrom("scheduled_tasks")
      .select("task")
      .where(all(oneOfIfAsked("group_folder", groups)))
      .orderBy(sql`next_at_ms IS NULL`)
      .orderBy("next_at_ms")
      .orderBy("id")
      .compile(),
  );
  return rows.map((row) => JSON.parse(row.task) as ScheduledTask);
}

/** All there are: others go. */
export function putTasks(tasks: readonly ScheduledTask[]): readonly CompiledQuery[] {
  const list = tasks.map((task) => ({
    id: task.id,
    group: task.group,
    status: task.status,
    nextAtMs: task.nextAt === null ? null : Date.parse(task.nextAt),
    task: JSON.stringify(task),
  }));
  return [
    build.deleteFrom("scheduled_tasks").compile(),
    sql`
      INSERT INTO scheduled_tasks (id, group_folder, status, next_at_ms, task)
      SELECT value ->> 'id', value ->> 'group', value ->> 'status', value ->> 'nextAtMs', value ->> 'task'
      FROM json_each(${JSON.stringify(list)})`.compile(build),
  ];
}
