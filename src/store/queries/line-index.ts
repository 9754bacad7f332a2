import { type CompiledQuery, sql } from "kysely";
import type { Database, Done } from "../database.ts";
import { build } from "../tables.ts";

// The full-text index of lines, `log_words`: the words of the line, and beside them one of its worker, its instance and its level, so that a search within
// an instance does not walk through what others wrote.

/** How far the index reaches, as it was seen last. */
export interface IndexFront {
  indexed: number;
}

/** Lines that go into the index in one transaction: few enough that nobody waits long for it. */
const STEP = 2000;

/** The mark of the newest line that is in the index, as SQL. */
export const indexedUpTo = sql<number>`coalesce((SELECT value FROM marks WHERE name = 'indexed'), 0)`;

/** Lost records stand in the index as if this were their level. */
export const LOST = "lost";

/** The part of a MATCH that takes only lines of these workers, instances and levels; null where nothing is asked. */
export function matchSource(filter: {
  readonly workers?: readonly string[] | undefined;
  readonly instances?: readonly string[] | undefined;
  readonly levels?: readonly string[] | undefined;
}): string | null {
  const parts = [
    anyOf(filter.workers?.map((name) => `w${hex(name)}`)),
    anyOf(filter.instances?.map((id) => `i${hex(id)}`)),
    anyOf(filter.levels?.map((level) => `l${level}`)),
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : `source : (${parts.join(" AND ")})`;
}

/** What asks for more is left to the rows' own columns. */
const MOST_WORDS = 64;

function anyOf(words: readonly string[] | undefined): string | null {
  if (words === undefined || words.length === 0 || words.length > MOST_WORDS) return null;
  return `(${words.map((word) => `"${word}"`).join(" OR ")})`;
}

function hex(text: string): string {
  return new TextEncoder().encode(text).reduce((digits, byte) => digits + byte.toString(16).padStart(2, "0"), "");
}

const next = sql`SELECT * FROM logs WHERE position > ${indexedUpTo} ORDER BY position LIMIT ${sql.lit(STEP)}`;

const steps: readonly CompiledQuery[] = [
  sql`INSERT INTO marks (name, value) VALUES ('indexed', 0) ON CONFLICT (name) DO NOTHING`.compile(build),
  sql`
    INSERT INTO log_words (rowid, text, source)
    SELECT
      position,
      text,
      'w' || hex(worker_name) || coalesce(' i' || hex(instance_id), '') || coalesce(' l' || level, iif(stream IS NULL, ${sql.lit(` l${LOST}`)}, ''))
    FROM (${next})`.compile(build),
  sql`
    UPDATE marks SET value = max(value, coalesce((SELECT max(position) FROM (${next})), 0)) WHERE name = 'indexed'
    RETURNING value`.compile(build),
];

const behind = sql<{ indexed: number; behind: number }>`
  SELECT ${indexedUpTo} AS indexed, coalesce((SELECT max(position) FROM logs), 0) > ${indexedUpTo} AS behind`.compile(build);

export interface FillOptions {
  readonly database: Pick<Database, "read">;
  readonly write: (queries: readonly CompiledQuery[]) => Promise<readonly Done[]>;
  readonly front: IndexFront;
  /** What lies up to this position goes before it could be of use in the index, and what comes next goes soon. */
  readonly goingUpTo: () => number;
}

/** Brings the index up to the newest line in small steps, each a write of its own, until the signal, or as far as lines stay. */
export async function fillIndex({ database, write, front, goingUpTo }: FillOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const [is] = await database.read(behind);
    front.indexed = Math.max(front.indexed, is?.indexed ?? 0);
    if (is?.behind !== 1 || front.indexed < goingUpTo()) return;
    const began = performance.now();
    const done = await write(steps);
    front.indexed = Math.max(front.indexed, Number(done.at(-1)?.rows[0]?.["value"] ?? 0));
    // The more others write, the longer a step waits for its turn, and the more the index leaves to them.
    await pause(performance.now() - began, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    resolve();
  };
  const timer = setTimeout(end, ms);
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  return promise;
}
