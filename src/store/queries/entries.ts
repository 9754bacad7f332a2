import { type RawBuilder, sql } from "kysely";
import type { Entry, EntryFilter } from "../../model/entry.ts";
import type { Page } from "../../model/kept.ts";
import type { Database } from "../database.ts";
import type { PageQuery } from "../store.ts";
import { build } from "../tables.ts";
import { all, type Condition, oneOf, oneOfIfAsked } from "./conditions.ts";
import { readEntryPage } from "./entry-pages.ts";
import { entryOf, type EntryRow } from "./entry-rows.ts";
import { type LogFilter, logParts, oneList } from "./logs.ts";
import { type Range, rangeOf } from "./pages.ts";

/** One statement over all tables of entries, so that no entry is passed over that is taken in meanwhile. */
export async function readEntries(
  database: Pick<Database, "read">,
  filter: EntryFilter,
  page: PageQuery,
): Promise<Page<Entry> & { readonly droppedUpTo: number }> {
  const entries = await readEntryPage(
    rangeOf(page),
    async (range) => {
      const parts = partsOf(filter, range);
      return parts.length === 0 ? [] : database.read(oneList(parts, range).compile(build));
    },
    entryOf,
  );
  // Asked afterwards: what is taken out between the two shows here.
  const [dropped] = await database.read(droppedUpTo(filter).compile(build));
  return { ...entries, droppedUpTo: dropped?.position ?? 0 };
}

function partsOf(filter: EntryFilter, range: Range): readonly RawBuilder<EntryRow>[] {
  const wants = (kind: Entry["kind"]): boolean => filter.kinds === undefined || filter.kinds.includes(kind);
  // What comes out of a container belongs to no group and no run.
  const fromWorkers = filter.groups === undefined && filter.runs === undefined;
  const origin: readonly Condition[] = [
    ...oneOfIfAsked("worker_name", filter.workers),
    ...oneOfIfAsked("container_name", filter.containers),
    ...oneOfIfAsked("instance_id", filter.instances),
  ];
  const ordered = (conditions: readonly Condition[]): RawBuilder<unknown> => sql`
    WHERE position > ${range.after} AND position < ${range.before} AND ${all(conditions)}
    ORDER BY position ${sql.raw(range.order)} LIMIT ${range.limit}`;
  const parts: RawBuilder<EntryRow>[] = [];
  if (fromWorkers && (wants("log") || wants("lost"))) parts.push(...logParts(logFilterOf(filter, wants), range));
  if (fromWorkers && wants("error")) {
    parts.push(sql<EntryRow>`
      SELECT position, 'error' AS kind, at_ms, worker_name, container_name, instance_id, NULL AS group_folder, NULL AS run_id,
        boot_id, seq, NULL AS stream, NULL AS level, NULL AS text, error_group AS more
      FROM error_occurrences ${ordered(origin)}`);
  }
  if (fromWorkers && wants("event")) {
    parts.push(sql<EntryRow>`
      SELECT position, 'event' AS kind, at_ms, worker_name, container_name, instance_id, NULL AS group_folder, NULL AS run_id,
        boot_id, seq, NULL AS stream, NULL AS level, NULL AS text, event AS more
      FROM process_events ${ordered(origin)}`);
  }
  if (wants("event")) {
    const house = [...origin, ...oneOfIfAsked("group_folder", filter.groups), ...oneOfIfAsked("run_id", filter.runs)];
    parts.push(sql<EntryRow>`
      SELECT position, 'event' AS kind, at_ms, worker_name, container_name, instance_id, group_folder, run_id,
        NULL AS boot_id, NULL AS seq, NULL AS stream, NULL AS level, NULL AS text, event AS more
      FROM house_events ${ordered(house)}`);
  }
  return parts;
}

function logFilterOf(
  { workers, containers, instances, levels, streams }: EntryFilter,
  wants: (kind: Entry["kind"]) => boolean,
): LogFilter {
  return {
    ...(workers === undefined ? {} : { workers }),
    ...(containers === undefined ? {} : { containers }),
    ...(instances === undefined ? {} : { instances }),
    ...(levels === undefined || !wants("log") ? {} : { levels }),
    ...(streams === undefined || !wants("log") ? {} : { streams }),
    ...(wants("log") && wants("lost") ? {} : { kind: wants("log") ? "log" : "lost" }),
  };
}

function droppedUpTo({ workers }: EntryFilter): RawBuilder<{ position: number }> {
  if (workers === undefined) {
    return sql<{ position: number }>`SELECT coalesce((SELECT value FROM marks WHERE name = 'dropped'), 0) AS position`;
  }
  return sql<{ position: number }>`
    SELECT max(
      coalesce((SELECT max(dropped_up_to) FROM usage WHERE ${oneOf("worker_name", workers)}), 0),
      coalesce((SELECT value FROM marks WHERE name = 'aged'), 0)
    ) AS position`;
}
