import { type CompiledQuery, sql } from "kysely";
import type { Database } from "./database.ts";
import { type Migration, migrate } from "./migrate.ts";
import { putAudit, readAudit } from "./queries/audit.ts";
import { readEntries } from "./queries/entries.ts";
import { readErrors, readOccurrences } from "./queries/errors.ts";
import { putGroups, readGroups } from "./queries/groups.ts";
import { fillIndex } from "./queries/line-index.ts";
import { readLogs } from "./queries/logs.ts";
import { readMessages } from "./queries/messages.ts";
import { putCheck, putModules, readLastCheck, readModules } from "./queries/modules.ts";
import { readRun, readRuns } from "./queries/runs.ts";
import { putTasks, readTasks } from "./queries/tasks.ts";
import { endTerminals, putTerminal, readRecordingOf, readTerminals } from "./queries/terminals.ts";
import { readProcesses, readWorkers } from "./queries/workers.ts";
import { retain } from "./retention.ts";
import type { Store } from "./store.ts";
import { build } from "./tables.ts";
import { append, keep } from "./taking-in.ts";
import { putProcesses, putWorker } from "./worker-rows.ts";
import { Writer, type WriterOptions } from "./writer.ts";

/** Boots of a container that are told to its worker. */
const BOOTS_TOLD = 1_000;

export interface StoreOptions extends Partial<WriterOptions> {
  readonly migrations: readonly Migration[];
}

/** The store over a database that nobody else writes to. Closing it closes the database. */
export async function openStore(
  database: Database,
  { migrations, now = Date.now, momentMs = 60_000 }: StoreOptions,
): Promise<Store> {
  await migrate(database, migrations);
  const writer = new Writer(database, await newestPosition(database), { now, momentMs });
  const run = (queries: readonly CompiledQuery[]) => writer.run(queries);
  const put = async (queries: readonly CompiledQuery[]): Promise<void> => void (await writer.run(queries));
  /** Writes rows that take a position each. */
  const place = (positions: number, statements: (first: number) => readonly CompiledQuery[]): Promise<void> =>
    writer.write({ positions, statements, kept: () => ({ result: undefined, entries: [] }) });

  return {
    get position() {
      return writer.position;
    },

    have: (worker, container) => readBoots(database, worker, container),
    keep: (batch) => (batch.records.length === 0 ? Promise.resolve([]) : writer.write(keep(batch, now()))),
    append: (events, about) => writer.write(append(events, about)),
    listen: (listener) => writer.listen(listener),

    entries: (filter, page) => readEntries(database, filter, page),
    logs: (query) => readLogs(database, query),
    errors: (query) => readErrors(database, query),
    occurrences: (of, page) => readOccurrences(database, of, page),

    workers: () => readWorkers(database),
    putWorker: (worker, change) => put(putWorker(worker, change)),
    processes: (filter) => readProcesses(database, filter),
    putProcesses: (worker, container, asOf, statuses) => put(putProcesses(worker, container, asOf, statuses)),

    terminals: (query) => readTerminals(database, query),
    putTerminal: (session) => put(putTerminal(session)),
    recordingOf: (id) => readRecordingOf(database, id),
    endTerminals: (atMs, why) => put(endTerminals(atMs, why)),

    groups: () => readGroups(database),
    putGroups: (groups, atMs) => put(putGroups(groups, atMs)),
    runs: (query) => readRuns(database, query),
    run: (id) => readRun(database, id),
    messages: (query) => readMessages(database, query),
    tasks: (groups) => readTasks(database, groups),
    putTasks: (tasks) => put(putTasks(tasks)),

    modules: () => readModules(database),
    putModules: (modules) => put(putModules(modules)),
    lastCheck: () => readLastCheck(database),
    putCheck: (check) => put(putCheck(check)),
    audit: (query) => readAudit(database, query),
    putAudit: (row) => place(1, (first) => putAudit(row, first)),

    async retain(bounds, nowMs, signal) {
      await writer.noteMoment();
      return retain(database, run, bounds, nowMs, signal);
    },
    index: (signal) => fillIndex(database, run, signal),
    async size() {
      const { bytes } = await database.size();
      const [usage] = await database.read(
        build
          .selectFrom("usage")
          .select(sql<number>`coalesce(sum(log_rows), 0)`.as("rows"))
          .compile(),
      );
      return { bytes, logRows: usage?.rows ?? 0 };
    },
    async close() {
      await writer.close();
      await database.close();
    },
  };
}

async function readBoots(
  database: Database,
  worker: string,
  container: string,
): Promise<readonly { readonly bootID: string; readonly seq: number }[]> {
  const boots = await database.read(
    build
      .selectFrom("containers")
      .select(["boot_id", "last_seq"])
      .where("worker_name", "=", worker)
      .where("container_name", "=", container)
      .orderBy("last_seen_ms", "desc")
      .limit(BOOTS_TOLD)
      .compile(),
  );
  return boots.map(({ boot_id, last_seq }) => ({ bootID: boot_id, seq: last_seq }));
}

const placed = ["logs", "process_events", "error_occurrences", "house_events", "runs", "messages", "audit"] as const;

/** The newest position that was ever given and told, be it that what got it is taken out since. */
async function newestPosition(database: Database): Promise<number> {
  // One expression, as D1 takes no more than five SELECTs in a union. Rows that came past the writer count as well.
  const newest = [
    sql`(select value from marks where name = 'position')`,
    ...placed.map((table) => sql`(select max(position) from ${sql.table(table)})`),
  ].map((one) => sql`coalesce(${one}, 0)`);
  const [row] = await database.read(sql<{ position: number }>`select max(${sql.join(newest)}) as position`.compile(build));
  return row?.position ?? 0;
}
