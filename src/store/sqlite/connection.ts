import Database, { type Statement as Prepared } from "better-sqlite3";
import type { Answer, Statement, ThreadData } from "./requests.ts";

/** "NovB": tells a database of NovaBot from any other. */
const APPLICATION = 0x4e_6f_76_42;
/** Statements that are kept compiled. */
const PREPARED = 500;
const CACHE_KIB = 32_768;
/** Pages of the log of writes before they are brought into the file; fewer, larger visits cost less. */
const CHECKPOINT_PAGES = 2_000;
/** Lines come in at the tables' ends: large pages are written less often. */
const PAGE_BYTES = 8_192;
const LOG_BYTES_KEPT = 67_108_864;

export interface Connection {
  /** All of the statements in one transaction, or none. */
  run(statements: readonly Statement[]): readonly Answer[];
  size(): readonly Answer[];
  close(): readonly Answer[];
}

export function openConnection({ file, role, lockedAfterMs }: ThreadData): Connection {
  const database = new Database(file, { readonly: role === "reader", fileMustExist: role === "reader", timeout: lockedAfterMs });
  try {
    if (role === "writer") prepareFile(database);
    database.pragma(`cache_size = -${CACHE_KIB}`);
    database.pragma("temp_store = MEMORY");
  } catch (thrown) {
    database.close();
    throw thrown;
  }
  const prepared = new Map<string, Prepared<unknown[]>>();

  /** Those that were used last are at the map's end. */
  function statement(sql: string): Prepared<unknown[]> {
    const known = prepared.get(sql);
    const one = known ?? database.prepare<unknown[]>(sql);
    if (known === undefined && one.reader) one.raw(true);
    prepared.delete(sql);
    prepared.set(sql, one);
    if (prepared.size > PREPARED) for (const oldest of prepared.keys()) return (prepared.delete(oldest), one);
    return one;
  }

  function runOne({ sql, parameters }: Statement): Answer {
    const one = statement(sql);
    if (!one.reader) return { columns: [], rows: [], changed: one.run(...parameters).changes };
    const rows = one.all(...parameters) as unknown[][];
    return { columns: one.columns().map(({ name }) => name), rows, changed: rows.length };
  }

  return {
    run(statements) {
      // A single statement is a transaction by itself.
      if (role === "reader") return statements.map(runOne);
      database.exec("BEGIN IMMEDIATE");
      try {
        const answers = statements.map(runOne);
        database.exec("COMMIT");
        return answers;
      } catch (thrown) {
        // Some failures have ended the transaction already.
        if (database.inTransaction) database.exec("ROLLBACK");
        throw thrown;
      }
    },
    size() {
      const value = (name: string): number => Number(database.pragma(name, { simple: true }));
      const page = value("page_size");
      return [
        { columns: ["bytes", "freeBytes"], rows: [[value("page_count") * page, value("freelist_count") * page]], changed: 0 },
      ];
    },
    close() {
      database.close();
      return [];
    },
  };
}

function prepareFile(database: Database.Database): void {
  // The first look into the file: what is no database is told here.
  const application = database.pragma("application_id", { simple: true });
  const isNew = database.pragma("schema_version", { simple: true }) === 0;
  if (!isNew && application !== APPLICATION) throw new Error("the file is a database of another program");
  if (isNew) database.pragma(`page_size = ${PAGE_BYTES}`);
  const mode = String(database.pragma("journal_mode = WAL", { simple: true }));
  if (mode !== "wal")
    throw new Error(`the file's system cannot keep a log of writes (journal mode ${mode}); put it on a local disk`);
  if (isNew) database.pragma(`application_id = ${APPLICATION}`);
  // What is acknowledged is on the disk, also when the machine loses its power.
  database.pragma("synchronous = FULL");
  database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  database.pragma(`journal_size_limit = ${LOG_BYTES_KEPT}`);
}
