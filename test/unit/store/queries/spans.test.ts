import { join } from "node:path";
import type { CompiledQuery } from "kysely";
import { sql } from "kysely";
import { expect, onTestFinished, test } from "vitest";
import type { Entry } from "../../../../src/model/entry.ts";
import type { LogQuery, Page } from "../../../../src/model/kept.ts";
import type { Database } from "../../../../src/store/database.ts";
import { migrate } from "../../../../src/store/migrate.ts";
import { readEntries } from "../../../../src/store/queries/entries.ts";
import { fillIndex } from "../../../../src/store/queries/line-index.ts";
import { readLogs } from "../../../../src/store/queries/logs.ts";
import { openDatabase } from "../../../../src/store/sqlite/database.ts";
import { readMigrations } from "../../../../src/store/sqlite/migration-files.ts";
import { build } from "../../../../src/store/tables.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

const EVERY = 100_000;

/** Sixty lines with so many positions between each and the next, as if others' lines had been there; and what reads them is counted. */
async function openSparse(): Promise<{ database: Database; asked: CompiledQuery[] }> {
  const database = await openDatabase({ file: join(await temporaryDirectory(), "orchestrator.db"), readers: 1 });
  onTestFinished(() => database.close());
  await migrate(database, await readMigrations());
  const rows = Array.from({ length: 60 }, (_, index) => [(index + 1) * EVERY, index + 1, index % 2 === 0 ? "stdout" : "stderr"]);
  await database.atomic([
    sql`
      INSERT INTO logs (position, worker_name, container_name, boot_id, seq, at_ms, instance_id, stream, level, text)
      SELECT value ->> 0, 'alpha', 'alpha-1', 'b', value ->> 1, value ->> 1, 'web', value ->> 2, 'info', 'a line'
      FROM json_each(${JSON.stringify(rows)})`.compile(build),
  ]);
  await fillIndex(
    { database, write: (queries) => database.atomic(queries), front: { indexed: 0 }, goingUpTo: () => 0 },
    new AbortController().signal,
  );
  const asked: CompiledQuery[] = [];
  return {
    asked,
    database: {
      ...database,
      read: (query) => {
        asked.push(query);
        return database.read(query);
      },
    },
  };
}

const seqs = ({ items }: Page<Entry>): readonly unknown[] => items.map((item) => ("seq" in item ? item.seq : null));
const odd = Array.from({ length: 30 }, (_, index) => index * 2 + 1);
const asOdd: Partial<LogQuery> = { streams: ["stdout"] };

test.each([
  ["of all", asOdd],
  ["of an instance", { ...asOdd, workers: ["alpha"], instances: ["web"] }],
  ["of a level", { ...asOdd, levels: ["info"] }],
  ["with a word", { ...asOdd, search: "line" }],
] as const)("lines %s that no index tells from others are gone through in spans, without gap or double", async (_, query) => {
  const { database, asked } = await openSparse();
  expect(seqs(await readLogs(database, { ...query, limit: 100 }))).toEqual(odd);
  expect(asked.length).toBeGreaterThan(3);
  const newest = await readLogs(database, { ...query, limit: 7 });
  expect(seqs(newest)).toEqual(odd.slice(-7));
  expect(seqs(await readLogs(database, { ...query, limit: 7, before: newest.first ?? 0 }))).toEqual(odd.slice(-14, -7));
  const oldest = await readLogs(database, { ...query, limit: 7, after: 0 });
  expect(seqs(oldest)).toEqual(odd.slice(0, 7));
  expect(seqs(await readLogs(database, { ...query, limit: 7, after: oldest.last ?? 0 }))).toEqual(odd.slice(7, 14));
  expect(await readLogs(database, { ...query, limit: 7, after: 60 * EVERY })).toMatchObject({ items: [], more: false });
});

test("entries that no index tells from others are gone through in spans as well", async () => {
  const { database, asked } = await openSparse();
  const all = await readEntries(database, { streams: ["stdout"] }, { after: 0, limit: 100 });
  expect(seqs(all)).toEqual(odd);
  expect(asked.length).toBeGreaterThan(4);
  asked.length = 0;
  await readEntries(database, {}, { after: 0, limit: 100 });
  expect(asked).toHaveLength(2);
});
