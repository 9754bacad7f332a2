import { join } from "node:path";
import { sql } from "kysely";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Database } from "../../../../src/store/database.ts";
import { openDatabase } from "../../../../src/store/sqlite/database.ts";
import { build } from "../../../../src/store/tables.ts";
import { startedThreads, type StartedThreads } from "../../../fixtures/database-threads.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

const query = (text: string) => sql.raw<Record<string, unknown>>(text).compile(build);
/** A million rows take a fifth of a second or so. */
const search = (rows: number) =>
  query(`with recursive n(i) as (select 1 union all select i + 1 from n limit ${rows}) select count(*) as n from n`);
const slow = search(3_000_000);
/** Several times as long as a thread takes to begin on a busy machine. */
const slowest = search(15_000_000);
const quick = query("select 1 as n");

async function open(restMs: number): Promise<{ database: Database; threads: StartedThreads }> {
  const threads = startedThreads();
  const file = join(await temporaryDirectory(), "orchestrator.db");
  const database = await openDatabase({ file, restMs, makeThread: threads.make });
  onTestFinished(() => database.close());
  return { database, threads };
}

test("a second reader comes when the first is busy, and goes when it was of no use for a while", async () => {
  const { database, threads } = await open(500);
  for (let round = 0; round < 20; round += 1) expect(await database.read(quick)).toEqual([{ n: 1 }]);
  expect(threads.of("reader")).toHaveLength(1);
  const ends: string[] = [];
  const searching = database.read(slowest).then(() => ends.push("slow"));
  await Promise.all(Array.from({ length: 10 }, () => database.read(quick))).then(() => ends.push("quick"));
  await searching;
  // Nobody waited behind the search.
  expect(ends).toEqual(["quick", "slow"]);
  const [, second] = threads.of("reader");
  if (second === undefined) throw new Error("no second reader came");
  await vi.waitFor(() => expect(second.threadId).toBe(-1), { timeout: 20_000 });
  expect(await database.read(quick)).toEqual([{ n: 1 }]);
  expect(threads.of("reader")).toHaveLength(2);
  await Promise.all([database.read(slow), database.read(quick)]);
  expect(threads.of("reader")).toHaveLength(3);
});

test("what is asked while it is closed is answered or refused", async () => {
  const { database } = await open(500);
  const asked = [database.read(slow), database.read(quick), database.read(quick)];
  await database.close();
  for (const { status } of await Promise.allSettled(asked)) expect(["fulfilled", "rejected"]).toContain(status);
  await expect(database.read(quick)).rejects.toMatchObject({ code: "STORE_FAILED" });
});
