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
import { endTerminals, putTerminal, readKnownTerminals, readRecordingOf, readTerminals } from "./queries/terminals.ts";
import { readProcesses, readWorkers } from "./queries/workers.ts";
import { readTakenOut, retainHistory } from "./retention/history.ts";
import { LineDropper } from "./retention/lines.ts";
import { markOf } from "./retention/marks.ts";
import { retain } from "./retention/retain.ts";
import { Room } from "./retention/room.ts";
import { Usage } from "./retention/usage.ts";
import type { Retention, Store } from "./store.ts";
import { build, placed } from "./tables.ts";
import { append, keep } from "./taking-in.ts";
import { putProcesses, putWorker } from "./worker-rows.ts";
import { Writer, type WriterOptions } from "./writer.ts";

/** Boots of a container that are told to its worker. */
const BOOTS_TOLD = 1_000;

export interface StoreOptions extends Partial<WriterOptions> {
  readonly migrations: readonly Migration[];
  /** Of each worker's lines, held whatever comes: see `Store.keep`. Null, as when left out, lets everything in. */
  readonly bounds?: Retention | null;
}

/** The store over a database that nobody else writes to. Closing it closes the database. */
export async function openStore(
  database: Database,
  { migrations, bounds = null, now = Date.now, momentMs = 60_000 }: StoreOptions,
): Promise<Store> {
  await migrate(database, migrations);
  const writer = new Writer(database, await newestPosition(database), { now, momentMs });
  const usage = await Usage.read(database);
  const front = { indexed: (await markOf(database, "indexed")) ?? 0 };
  const lines = new LineDropper({ database, writer, usage, front });
  const room = bounds === null ? null : new Room({ bounds, usage, dropper: lines });
  const run = (queries: readonly CompiledQuery[]) => writer.run(queries);
  const put = async (queries: readonly CompiledQuery[]): Promise<void> => void (await writer.run(queries));
  /** Writes rows that take a position each. */
  const place = (positions: number, statements: (first: number) => readonly CompiledQuery[]): Promise<void> =>
    writer.write({ positions, statements, kept: () => ({ result: undefined, entries: [] }), found: () => undefined });

  return {
    get position() {
      return writer.position;
    },

    have: (worker, container) => readBoots(database, worker, container),
    keep(batch, signal) {
      if (batch.records.length === 0) return Promise.resolve([]);
      const write = () => writer.write(keep(batch, now(), usage));
      return room === null ? write() : room.enter(batch, write, signal);
    },
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
    knownTerminals: (ids) => readKnownTerminals(database, ids),
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

    async retain(retention, nowMs, signal) {
      await writer.noteMoment();
      try {
        return await retain({ database, write: run, lines }, retention, nowMs, signal);
      } finally {
        // Where it failed, too: whoever waits shall not wait for what may never come.
        room?.lookedThrough();
      }
    },
    async retainHistory(retention, nowMs, signal) {
      await writer.noteMoment();
      return retainHistory(database, run, retention, nowMs, signal);
    },
    takenOut: () => readTakenOut(database),
    index: (signal) => fillIndex({ database, write: run, front, goingUpTo: () => room?.goingUpTo ?? 0 }, signal),
    async size() {
      const { bytes } = await database.size();
      const [sum] = await database.read(
        build
          .selectFrom("usage")
          .select(sql<number>`coalesce(sum(log_rows), 0)`.as("rows"))
          .compile(),
      );
      return { bytes, logRows: sum?.rows ?? 0 };
    },
    async close() {
      const empty = room?.close();
      await writer.close();
      await empty;
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
