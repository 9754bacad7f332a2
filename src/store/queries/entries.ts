import { type RawBuilder, sql } from "kysely";
import type { Entry, EntryFilter } from "../../model/entry.ts";
import type { Page } from "../../model/kept.ts";
import type { Database } from "../database.ts";
import type { PageQuery } from "../store.ts";
import { build } from "../tables.ts";
import { all, type Condition, oneOf, oneOfIfAsked } from "./conditions.ts";
import { readEntryPage } from "./entry-pages.ts";
import { entryOf, type EntryRow } from "./entry-rows.ts";
import { type LogFilter, logParts, looksAtLines, oneList } from "./logs.ts";
import { type Range, rangeOf } from "./pages.ts";
import { inSpans } from "./spans.ts";

/**
 * Each statement is over all tables of entries, and none goes beyond what was there when the first was asked: no entry is passed over that is taken in
 * meanwhile.
 */
export async function readEntries(
  database: Pick<Database, "read">,
  filter: EntryFilter,
  page: PageQuery,
): Promise<Page<Entry> & { readonly droppedUpTo: number }> {
  const entries = await readEntryPage(
    rangeOf(page),
    async (range) => {
      const within = async (part: Range): Promise<readonly EntryRow[]> => {
        const parts = partsOf(filter, part);
        return parts.length === 0 ? [] : await database.read(oneList(parts, part).compile(build));
      };
      return takesLines(filter) && looksAtLines(logFilterOf(filter)) ? inSpans(database, range, within) : within(range);
    },
    entryOf,
  );
  // Asked afterwards: what is taken out between the two shows here.
  const [dropped] = await database.read(droppedUpTo(filter).compile(build));
  return { ...entries, droppedUpTo: dropped?.position ?? 0 };
}

function partsOf(filter: EntryFilter, range: Range): readonly RawBuilder<EntryRow>[] {
  const fromWorkers = isFromWorkers(filter);
  const origin: readonly Condition[] = [
    ...oneOfIfAsked("worker_name", filter.workers),
    ...oneOfIfAsked("container_name", filter.containers),
    ...oneOfIfAsked("instance_id", filter.instances),
  ];
  const ordered = (conditions: readonly Condition[]): RawBuilder<unknown> => sql`
    WHERE position > ${range.after} AND position < ${range.before} AND ${all(conditions)}
    ORDER BY position ${sql.raw(range.order)} LIMIT ${range.limit}`;
  const parts: RawBuilder<EntryRow>[] = [];
  if (takesLines(filter)) parts.push(...logParts(logFilterOf(filter), range));
  if (fromWorkers && wants(filter, "error")) {
    parts.push(sql<EntryRow>`
      SELECT position, 'error' AS kind, at_ms, worker_name, container_name, instance_id, NULL AS group_folder, NULL AS run_id,
        boot_id, seq, NULL AS stream, NULL AS level, NULL AS text, error_group AS more
      FROM error_occurrences ${ordered(origin)}`);
  }
  if (fromWorkers && wants(filter, "event")) {
    parts.push(sql<EntryRow>`
      SELECT position, 'event' AS kind, at_ms, worker_name, container_name, instance_id, NULL AS group_folder, NULL AS run_id,
        boot_id, seq, NULL AS stream, NULL AS level, NULL AS text, event AS more
      FROM process_events ${ordered(origin)}`);
  }
  if (wants(filter, "event")) {
    const house = [...origin, ...oneOfIfAsked("group_folder", filter.groups), ...oneOfIfAsked("run_id", filter.runs)];
    parts.push(sql<EntryRow>`
      SELECT position, 'event' AS kind, at_ms, worker_name, container_name, instance_id, group_folder, run_id,
        NULL AS boot_id, NULL AS seq, NULL AS stream, NULL AS level, NULL AS text, event AS more
      FROM house_events ${ordered(house)}`);
  }
  return parts;
}

function wants({ kinds }: EntryFilter, kind: Entry["kind"]): boolean {
  return kinds === undefined || kinds.includes(kind);
}

/** What comes out of a container belongs to no group and no run. */
function isFromWorkers({ groups, runs }: EntryFilter): boolean {
  return groups === undefined && runs === undefined;
}

function takesLines(filter: EntryFilter): boolean {
  return isFromWorkers(filter) && (wants(filter, "log") || wants(filter, "lost"));
}

function logFilterOf(filter: EntryFilter): LogFilter {
  const { workers, containers, instances, levels, streams } = filter;
  const [lines, lost] = [wants(filter, "log"), wants(filter, "lost")];
  return {
    ...(workers === undefined ? {} : { workers }),
    ...(containers === undefined ? {} : { containers }),
    ...(instances === undefined ? {} : { instances }),
    ...(levels === undefined || !lines ? {} : { levels }),
    ...(streams === undefined || !lines ? {} : { streams }),
    ...(lines && lost ? {} : { kind: lines ? "log" : "lost" }),
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
