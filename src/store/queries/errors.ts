import { sql } from "kysely";
import type { ErrorOccurrence, ErrorsQuery, ErrorView, Page } from "../../model/kept.ts";
import type { ErrorGroup } from "../../model/record.ts";
import type { Database } from "../database.ts";
import type { PageQuery } from "../store.ts";
import { build } from "../tables.ts";
import { all, type Condition, oneOf, oneOfIfAsked } from "./conditions.ts";
import { pageOf, rangeOf } from "./pages.ts";

/** Groups, those that were seen last first. Of a span of time: those that may have been seen in it. */
export async function readErrors(database: Pick<Database, "read">, query: ErrorsQuery): Promise<readonly ErrorView[]> {
  const conditions: readonly Condition[] = [
    ...oneOfIfAsked("worker_name", query.workers),
    ...oneOfIfAsked("container_name", query.containers),
    ...oneOfIfAsked("instance_id", query.instances),
    ...oneOfIfAsked("category", query.categories),
    ...oneOfIfAsked("severity", query.severities),
    ...(query.fingerprint === undefined ? [] : [oneOf("fingerprint", [query.fingerprint])]),
    ...(query.sinceMs === undefined ? [] : [sql<boolean>`last_seen_ms >= ${query.sinceMs}`]),
    ...(query.untilMs === undefined ? [] : [sql<boolean>`first_seen_ms <= ${query.untilMs}`]),
  ];
  const rows = await database.read(
    build
      .selectFrom("errors")
      .select(["worker_name", "container_name", "count", "first_seen_ms", "last_seen_ms", "last"])
      .where(all(conditions))
      .orderBy("last_seen_ms", "desc")
      .orderBy("fingerprint")
      .limit(query.limit)
      .compile(),
  );
  return rows.map((row) => ({
    ...(JSON.parse(row.last) as ErrorGroup),
    worker: row.worker_name,
    container: row.container_name,
    count: row.count,
    firstSeenMs: row.first_seen_ms,
    lastSeenMs: row.last_seen_ms,
  }));
}

export async function readOccurrences(
  database: Pick<Database, "read">,
  of: { readonly worker: string; readonly container?: string; readonly instance: string; readonly fingerprint: string },
  page: PageQuery,
): Promise<Page<ErrorOccurrence>> {
  const range = rangeOf(page);
  const rows = await database.read(
    build
      .selectFrom("error_occurrences")
      .selectAll()
      .where("worker_name", "=", of.worker)
      .where("instance_id", "=", of.instance)
      .where("fingerprint", "=", of.fingerprint)
      .where(all(oneOfIfAsked("container_name", of.container === undefined ? undefined : [of.container])))
      .where("position", ">", range.after)
      .where("position", "<", range.before)
      .orderBy("position", range.order === "ASC" ? "asc" : "desc")
      .limit(range.limit)
      .compile(),
  );
  return pageOf(
    rows,
    range,
    (row) => row.position,
    (row) => {
      const { message, lines, before } = JSON.parse(row.error_group) as ErrorGroup;
      return {
        position: row.position,
        atMs: row.at_ms,
        worker: row.worker_name,
        container: row.container_name,
        bootID: row.boot_id,
        seq: row.seq,
        instance: row.instance_id,
        fingerprint: row.fingerprint,
        count: row.count,
        message,
        lines,
        before,
      };
    },
  );
}
