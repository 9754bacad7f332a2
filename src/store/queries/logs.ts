import { type RawBuilder, sql } from "kysely";
import type { LogEntry, LostEntry } from "../../model/entry.ts";
import type { LogQuery, Page } from "../../model/kept.ts";
import type { Database } from "../database.ts";
import { build } from "../tables.ts";
import { all, type Condition, containsIgnoringCase, oneOf, oneOfIfAsked } from "./conditions.ts";
import { readEntryPage } from "./entry-pages.ts";
import { type EntryRow, logOf } from "./entry-rows.ts";
import { indexedUpTo, LOST, matchSource } from "./line-index.ts";
import { type Range, rangeOf, rest } from "./pages.ts";
import { parseSearch, type Search } from "./search-words.ts";
import { inSpans } from "./spans.ts";

/** What of lines can be asked beside words. */
export type LogFilter = Omit<LogQuery, "search" | "after" | "before" | "limit"> & {
  /** Only lines, or only what tells of lost ones. */
  readonly kind?: "log" | "lost";
};

const columns = sql`
  l.position, 'log' AS kind, l.at_ms, l.worker_name, l.container_name, l.instance_id, NULL AS group_folder, NULL AS run_id,
  l.boot_id, l.seq, l.stream, l.level, l.text, l.more`;

/** Up to so many workers are asked one by one; of more, lines are taken as they stand. */
const FEW_WORKERS = 8;

export async function readLogs(database: Pick<Database, "read">, query: LogQuery): Promise<Page<LogEntry | LostEntry>> {
  const search = query.search === undefined ? null : parseSearch(query.search);
  return readEntryPage(
    rangeOf(query),
    (range) => {
      if (search !== null) return searched(database, query, search, range);
      const lines = (part: Range): Promise<readonly EntryRow[]> =>
        database.read(oneList(logParts(query, part), part).compile(build));
      return looksAtLines(query) ? inSpans(database, range, lines) : lines(range);
    },
    logOf,
  );
}

/** The parts of one ordered list: each has what the range takes of it, and all together hold what the list begins with. */
export function oneList(parts: readonly RawBuilder<EntryRow>[], { order, limit }: Range): RawBuilder<EntryRow> {
  const lists = parts.map((part) => sql`SELECT * FROM (${part})`);
  return sql<EntryRow>`${sql.join(lists, sql` UNION ALL `)} ORDER BY position ${sql.raw(order)} LIMIT ${limit}`;
}

/** Whichever way touches the fewest lines. */
function wayTo({ levels, kind, workers, instances }: LogFilter): "index" | "one" | "several" | "all" {
  if (levels !== undefined || kind === "lost") return "index";
  if (workers?.length === 1 && instances?.length === 1) return "one";
  return instances !== undefined || (workers !== undefined && workers.length <= FEW_WORKERS) ? "several" : "all";
}

/** That something is asked which no index knows: most lines that are looked at may not be among those that are taken. */
export function looksAtLines(filter: LogFilter): boolean {
  const way = wayTo(filter);
  const known = way === "all" ? {} : { workers: undefined, instances: undefined };
  const levels = way === "index" ? { levels: undefined } : {};
  // Nearly all are lines.
  return conditionsOf({ ...filter, ...known, ...levels, kind: undefined }).length > 0;
}

export function logParts(filter: LogFilter, range: Range): readonly RawBuilder<EntryRow>[] {
  const way = wayTo(filter);
  if (way === "several") return [oneByOne(filter, range)];
  if (way !== "index") return [asTheyStand(filter, range)];
  const newer = sql`max(${range.after}, ${indexedUpTo})`;
  return [fromIndex(filter, null, range), asTheyStand(filter, { ...range, after: newer })];
}

async function searched(
  database: Pick<Database, "read">,
  filter: LogFilter,
  search: Search,
  range: Range,
): Promise<readonly EntryRow[]> {
  // What is in the index at this mark stays in it: lines up to it come from there and newer ones from themselves, whatever is filled in meanwhile.
  const [mark] = await database.read(sql<{ value: number }>`SELECT ${indexedUpTo} AS value`.compile(build));
  const indexed = mark?.value ?? 0;
  const older = { ...range, before: Math.min(range.before, indexed + 1) };
  const newer = { ...range, after: Math.max(range.after, indexed) };
  const matching = (part: Range): Promise<readonly EntryRow[]> => database.read(fromIndex(filter, search, part).compile(build));
  const isDecided = !looksAtLines({ ...filter, levels: filter.levels ?? [] });
  const inIndex = (limit: number): Promise<readonly EntryRow[]> =>
    isDecided ? matching({ ...older, limit }) : inSpans(database, { ...older, limit }, matching);
  const [first, second] =
    range.order === "DESC"
      ? [(limit: number) => unindexed(database, filter, search, { ...newer, limit }), inIndex]
      : [inIndex, (limit: number) => unindexed(database, filter, search, { ...newer, limit })];
  const found = await first(range.limit);
  return found.length < range.limit ? [...found, ...(await second(range.limit - found.length))] : found;
}

/** Lines that are newer than the index: SQL leaves out what surely lacks a word, and the search itself looks at the rest. */
async function unindexed(
  database: Pick<Database, "read">,
  filter: LogFilter,
  search: Search,
  range: Range,
): Promise<readonly EntryRow[]> {
  const found: EntryRow[] = [];
  let next = range;
  while (found.length < range.limit && next.after + 1 < next.before) {
    const rows = await database.read(asTheyStand(filter, next, search.words.map(mayHold)).compile(build));
    found.push(...rows.filter((row) => row.stream !== null && search.takes(row.text ?? "")));
    const last = rows.at(-1);
    if (last === undefined || rows.length < next.limit) break;
    next = rest(range, last.position, range.limit);
  }
  return found.slice(0, range.limit);
}

/** Letters beyond ASCII may be the word's with accents or in capitals: such lines are not decided here. */
function mayHold(word: string): Condition {
  const hasOthers = sql<boolean>`length(CAST(l.text AS BLOB)) <> length(l.text)`;
  return /^[\u0000-\u007f]*$/.test(word) ? sql<boolean>`(instr(lower(l.text), ${word}) > 0 OR ${hasOthers})` : hasOthers;
}

function fromIndex(filter: LogFilter, search: Search | null, range: Range): RawBuilder<EntryRow> {
  const levels = filter.kind === "lost" ? [LOST] : [...(filter.levels ?? []), ...(filter.kind === undefined ? [LOST] : [])];
  const source = matchSource({ ...filter, levels: search === null || filter.levels !== undefined ? levels : undefined });
  const match = [...(search === null ? [] : [`text : (${search.match})`]), ...(source === null ? [] : [source])].join(" AND ");
  return sql<EntryRow>`
    SELECT ${columns} FROM log_words CROSS JOIN logs AS l ON l.position = log_words.rowid
    WHERE log_words MATCH ${match} AND log_words.rowid > ${range.after} AND log_words.rowid < min(${range.before}, 1 + ${indexedUpTo})
      AND ${all(conditionsOf(filter))}
    ORDER BY log_words.rowid ${sql.raw(range.order)} LIMIT ${range.limit}`;
}

/** Of one instance by its index, else along positions. */
function asTheyStand(
  filter: LogFilter,
  range: Omit<Range, "after"> & { readonly after: number | RawBuilder<unknown> },
  further: readonly Condition[] = [],
): RawBuilder<EntryRow> {
  return sql<EntryRow>`
    SELECT ${columns} FROM logs AS l
    WHERE l.position > ${range.after} AND l.position < ${range.before} AND ${all([...conditionsOf(filter), ...further])}
    ORDER BY l.position ${sql.raw(range.order)} LIMIT ${range.limit}`;
}

/**
 * Of each instance of each worker that is asked for as many lines as the list takes, by the index. `source` walks from one instance to the next, and
 * ends each worker with NULL, which is the worker's own.
 */
function oneByOne(filter: LogFilter, range: Range): RawBuilder<EntryRow> {
  const { workers, instances } = filter;
  const asked =
    workers === undefined
      ? sql`SELECT DISTINCT worker_name FROM containers`
      : sql`SELECT DISTINCT value FROM json_each(${JSON.stringify(workers)})`;
  const source =
    instances === undefined
      ? sql`
        SELECT w.worker, (SELECT min(instance_id) FROM logs WHERE worker_name = w.worker) FROM w
        UNION ALL
        SELECT source.worker, (SELECT min(instance_id) FROM logs WHERE worker_name = source.worker AND instance_id > source.instance)
        FROM source WHERE source.instance IS NOT NULL`
      : sql`SELECT DISTINCT w.worker, value FROM w CROSS JOIN json_each(${JSON.stringify(instances)})`;
  const others = conditionsOf({ ...filter, workers: undefined, instances: undefined });
  return sql<EntryRow>`
    WITH RECURSIVE w (worker) AS (${asked}), source (worker, instance) AS (${source})
    SELECT ${columns} FROM logs AS l WHERE l.position IN (
      SELECT found.position FROM source CROSS JOIN logs AS found WHERE found.position IN (
        SELECT l.position FROM logs AS l
        WHERE l.worker_name = source.worker AND l.instance_id IS source.instance
          AND l.position > ${range.after} AND l.position < ${range.before} AND ${all(others)}
        ORDER BY l.position ${sql.raw(range.order)} LIMIT ${range.limit}
      ) ORDER BY found.position ${sql.raw(range.order)} LIMIT ${range.limit}
    ) ORDER BY l.position ${sql.raw(range.order)}`;
}

function conditionsOf(filter: { readonly [Name in keyof LogFilter]?: LogFilter[Name] | undefined }): readonly Condition[] {
  return [
    ...oneOfIfAsked("l.worker_name", filter.workers),
    ...oneOfIfAsked("l.instance_id", filter.instances),
    ...oneOfIfAsked("l.container_name", filter.containers),
    // What is asked of lines does not hide that some are missing.
    ...(filter.levels === undefined ? [] : [sql<boolean>`(l.stream IS NULL OR ${oneOf("l.level", filter.levels)})`]),
    ...(filter.streams === undefined ? [] : [sql<boolean>`(l.stream IS NULL OR ${oneOf("l.stream", filter.streams)})`]),
    ...(filter.kind === undefined
      ? []
      : [filter.kind === "log" ? sql<boolean>`l.stream IS NOT NULL` : sql<boolean>`l.stream IS NULL`]),
    ...(filter.bootID === undefined ? [] : [oneOf("l.boot_id", [filter.bootID])]),
    ...(filter.afterSeq === undefined ? [] : [sql<boolean>`l.seq > ${filter.afterSeq}`]),
    ...(filter.sinceMs === undefined ? [] : [sql<boolean>`l.at_ms >= ${filter.sinceMs}`]),
    ...(filter.untilMs === undefined ? [] : [sql<boolean>`l.at_ms <= ${filter.untilMs}`]),
    ...(filter.contains === undefined || filter.contains === "" ? [] : [containsIgnoringCase("l.text", filter.contains)]),
  ];
}
