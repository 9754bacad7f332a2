import { onTestFinished } from "vitest";
import type { Database } from "../../../src/store/database.ts";
import { openStore } from "../../../src/store/open.ts";
import type { Migration } from "../../../src/store/migrate.ts";
import type { Store } from "../../../src/store/store.ts";

/** A kind of database that the suite runs on. */
export interface Subject {
  readonly migrations: readonly Migration[];
  /** One without tables, which goes when the test is over; given the same test, always the same one. */
  open(): Promise<Database>;
}

export interface Opened {
  readonly store: Store;
  readonly database: Database;
}

export async function openSubject(subject: Subject): Promise<Opened> {
  const database = await subject.open();
  const store = await openStore(database, { migrations: subject.migrations });
  onTestFinished(() => store.close());
  return { store, database };
}
