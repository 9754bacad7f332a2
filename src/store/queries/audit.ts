import type { CompiledQuery } from "kysely";
import type { AuditRow, Page } from "../../model/kept.ts";
import type { Database } from "../database.ts";
import type { PageQuery } from "../store.ts";
import { build } from "../tables.ts";
import { all, oneOfIfAsked } from "./conditions.ts";
import { pageOf, rangeOf } from "./pages.ts";

export async function readAudit(
  database: Pick<Database, "read">,
  query: { readonly who?: string; readonly what?: string } & PageQuery,
): Promise<Page<AuditRow>> {
  const range = rangeOf(query);
  const rows = await database.read(
    build
      .selectFrom("audit")
      .selectAll()
      .where(
        all([
          ...oneOfIfAsked("who", query.who === undefined ? undefined : [query.who]),
          ...oneOfIfAsked("what", query.what === undefined ? undefined : [query.what]),
        ]),
      )
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
    (row) => ({
      position: row.position,
      atMs: row.at_ms,
      who: row.who,
      door: row.door,
      what: row.what,
      worker: row.worker_name,
      container: row.container_name,
      subject: row.subject,
      result: row.result,
      facts: JSON.parse(row.facts) as AuditRow["facts"],
    }),
  );
}

export function putAudit(row: Omit<AuditRow, "position">, position: number): readonly CompiledQuery[] {
  return [
    build
      .insertInto("audit")
      .values({
        position,
        at_ms: row.atMs,
        who: row.who,
        door: row.door,
        what: row.what,
        worker_name: row.worker,
        container_name: row.container,
        subject: row.subject,
        result: row.result,
        facts: JSON.stringify(row.facts),
      })
      .compile(),
  ];
}
