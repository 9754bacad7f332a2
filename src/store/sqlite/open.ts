import { openStore, type StoreOptions } from "../open.ts";
import type { Store } from "../store.ts";
import { openDatabase, type SQLiteOptions } from "./database.ts";
import { readMigrations } from "./migration-files.ts";

/**
 * Opens the store that the file holds, and makes it when it is not there. One process may have it open. Rejects with STORE_DAMAGED, STORE_LOCKED,
 * STORE_FULL or STORE_FAILED.
 */
export async function openSQLiteStore(options: SQLiteOptions & Partial<StoreOptions>): Promise<Store> {
  const database = await openDatabase(options);
  try {
    return await openStore(database, { ...options, migrations: options.migrations ?? (await readMigrations()) });
  } catch (thrown) {
    await database.close();
    throw thrown;
  }
}
