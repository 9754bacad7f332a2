import { join } from "node:path";
import type { CompiledQuery } from "kysely";
import { describe, expect, onTestFinished, test } from "vitest";
import type { EntryFilter } from "../../../../src/model/entry.ts";
import type { LogQuery } from "../../../../src/model/kept.ts";
import type { Database } from "../../../../src/store/database.ts";
import { migrate } from "../../../../src/store/migrate.ts";
import { readEntries } from "../../../../src/store/queries/entries.ts";
import { readLogs } from "../../../../src/store/queries/logs.ts";
import { openDatabase } from "../../../../src/store/sqlite/database.ts";
import { readMigrations } from "../../../../src/store/sqlite/migration-files.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

// What is asked often must not walk through millions of lines: SQLite says how it would go about each statement.

async function openEmpty(): Promise<Database> {
  const database = await openDatabase({ file: join(await temporaryDirectory(), "orchestrator.db"), readers: 1 });
  onTestFinished(() => database.close());
  await migrate(database, await readMigrations());
  return database;
}

/** How SQLite reads the tables of entries in whatever is asked. */
async function plansOf(ask: (database: Pick<Database, "read">) => Promise<unknown>): Promise<readonly string[]> {
  const database = await openEmpty();
  const statements: CompiledQuery[] = [];
  await ask({
    read: (query) => {
      statements.push(query);
      return database.read(query);
    },
  });
  const plans: string[] = [];
  for (const { sql: text, ...query } of statements) {
    const rows = await database.read<{ detail: string }>({ ...query, sql: `EXPLAIN QUERY PLAN ${text}` });
    plans.push(...rows.map(({ detail }) => detail));
  }
  return plans.filter((detail) => /\b(?:logs|l|found|log_words|error_occurrences|process_events|house_events)\b/.test(detail));
}

const oneInstance = { workers: ["alpha"], instances: ["web"] };
const byInstance = "SEARCH l USING INDEX logs_by_instance (worker_name=? AND instance_id=? AND position>? AND position<?)";

describe("lines", () => {
  const of = (query: Partial<LogQuery>): Promise<readonly string[]> => plansOf((from) => readLogs(from, { limit: 10, ...query }));

  test("of an instance come from its index, in order", async () => {
    for (const page of [{}, { after: 5 }, { before: 9, after: 5 }])
      expect(await of({ ...oneInstance, ...page })).toEqual([byInstance]);
  });

  test("of several instances come from the index of each", async () => {
    for (const query of [{ workers: ["alpha", "beta"] }, { instances: ["web"] }]) {
      const plans = await of(query);
      expect(plans).toContain(byInstance.replace("SEARCH l USING INDEX", "SEARCH l USING COVERING INDEX"));
      expect(plans.filter((plan) => plan.startsWith("SCAN"))).toEqual([]);
    }
  });

  test("with words or of a level come from the full-text index", async () => {
    for (const query of [{ search: "word" }, { search: "word", ...oneInstance }, { levels: ["error"] as const }]) {
      const plans = await of(query);
      expect(plans.some((plan) => plan.startsWith("SCAN log_words VIRTUAL TABLE INDEX"))).toBe(true);
      expect(plans.filter((plan) => plan.startsWith("SCAN") && !plan.startsWith("SCAN log_words"))).toEqual([]);
      // Rows are found by their position, and what is newer than the index begins after it.
      expect(plans).toContain("SEARCH l USING INTEGER PRIMARY KEY (rowid=?)");
    }
  });

  test("of all come by position", async () => {
    expect(await of({})).toEqual(["SEARCH l USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"]);
  });
});

test("entries of all kinds are read from where the page begins", async () => {
  for (const filter of [
    {},
    { workers: ["alpha"] },
    { levels: ["error"] as const },
    { groups: ["family"] },
  ] as const satisfies EntryFilter[]) {
    const plans = await plansOf((from) => readEntries(from, filter, { limit: 10, after: 5 }));
    expect(plans.length).toBeGreaterThan(0);
    expect(plans.filter((plan) => plan.startsWith("SCAN") && !plan.startsWith("SCAN log_words"))).toEqual([]);
  }
});
