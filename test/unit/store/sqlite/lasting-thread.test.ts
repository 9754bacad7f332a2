import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { sql } from "kysely";
import { expect, onTestFinished, test } from "vitest";
import type { Database } from "../../../../src/store/database.ts";
import { openDatabase } from "../../../../src/store/sqlite/database.ts";
import { LastingThread } from "../../../../src/store/sqlite/lasting-thread.ts";
import { startedThreads, type StartedThreads } from "../../../fixtures/database-threads.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";
import { build } from "../../../../src/store/tables.ts";

const query = (text: string) => sql.raw<Record<string, unknown>>(text).compile(build);

async function open(): Promise<{ database: Database; threads: StartedThreads }> {
  const threads = startedThreads();
  const file = join(await temporaryDirectory(), "orchestrator.db");
  const database = await openDatabase({ file, makeThread: threads.make });
  onTestFinished(() => database.close());
  await database.atomic([query("create table numbers (number integer)")]);
  return { database, threads };
}

const numbers = async (database: Database): Promise<unknown> =>
  (await database.read(query("select count(*) as count from numbers")))[0]?.["count"];

test("a writer that is ended in the midst of a transaction is replaced, and nothing of that is kept", async () => {
  const { database, threads } = await open();
  await database.atomic([query("insert into numbers values (1)")]);
  const [writer] = threads.of("writer");
  const endless = database.atomic([
    query("insert into numbers values (2)"),
    query("insert into numbers with recursive n(i) as (select 1 union all select i + 1 from n limit 500000) select i from n"),
    query("insert into numbers values (3)"),
  ]);
  const refused = endless.catch((thrown: unknown) => thrown);
  // Asked while it ends: it waits until the old one has let the file go.
  await Promise.all([writer?.terminate(), database.atomic([query("insert into numbers values (4)")]).catch(() => undefined)]);
  expect(await refused).toMatchObject({
    code: "STORE_FAILED",
    message: "a thread of the database ended",
    place: expect.stringContaining("orchestrator.db") as string,
  });
  await database.atomic([query("insert into numbers values (5)")]);
  expect(await database.read(query("select number from numbers where number not in (4)"))).toEqual([
    { number: 1 },
    { number: 5 },
  ]);
  expect(threads.of("writer")).toHaveLength(2);
  expect(await database.read(query("pragma integrity_check"))).toEqual([{ integrity_check: "ok" }]);
});

test("a reader that is ended is replaced, and the writer goes on", async () => {
  const { database, threads } = await open();
  const reading = database.read(
    query("with recursive n(i) as (select 1 union all select i + 1 from n limit 5000000) select count(*) from n"),
  );
  const refused = reading.catch((thrown: unknown) => thrown);
  await threads.of("reader")[0]?.terminate();
  expect(await refused).toMatchObject({ code: "STORE_FAILED" });
  await database.atomic([query("insert into numbers values (1)")]);
  expect(await numbers(database)).toBe(1);
  expect([threads.of("writer").length, threads.of("reader").length]).toEqual([1, 2]);
});

test("one that breaks by itself is replaced as well", async () => {
  const { database, threads } = await open();
  const [reader] = threads.of("reader");
  if (reader === undefined) throw new Error("there is no reader");
  const broken = once(reader, "error");
  // No question of ours: nothing catches what comes of it.
  reader.postMessage(null, []);
  await broken;
  expect(await numbers(database)).toBe(0);
});

test("one that ends again and again is started after a pause that grows, and refused meanwhile", async () => {
  const file = join(await temporaryDirectory(), "orchestrator.db");
  const threads = startedThreads();
  let nowMs = 0;
  const writer = await LastingThread.start(
    { file, role: "writer", lockedAfterMs: 200 },
    { make: threads.make, now: () => nowMs },
  );
  onTestFinished(() => writer.close());
  const ask = async (): Promise<unknown> => await writer.ask({ kind: "size" });
  const end = async (): Promise<void> => void (await threads.of("writer").at(-1)?.terminate());
  await end();
  await ask();
  const pauses: number[] = [];
  for (let round = 1; round <= 10; round += 1) {
    await end();
    const started = threads.of("writer").length;
    const refused: unknown = await ask().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(refused).toMatchObject({
      code: "STORE_FAILED",
      message: expect.stringContaining(
        `ended ${round + 1} times in a row, the last time since: a thread of the database ended`,
      ) as string,
    });
    const [pauseMs] = /\d+(?= ms)/.exec((refused as { next: string }).next) ?? [];
    expect(threads.of("writer")).toHaveLength(started);
    nowMs += Number(pauseMs) - 1;
    await expect(ask()).rejects.toMatchObject({ code: "STORE_FAILED" });
    nowMs += 1;
    await ask();
    pauses.push(Number(pauseMs));
  }
  expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  // One that went on for a while is replaced at once.
  nowMs += 60_000;
  await end();
  await ask();
});

test("one that cannot be started anew says why, and is tried again after the pause", async () => {
  const file = join(await temporaryDirectory(), "orchestrator.db");
  const threads = startedThreads();
  let nowMs = 0;
  let isBroken = false;
  const broken = (): Worker => new Worker("throw new Error('no memory')", { eval: true });
  const writer = await LastingThread.start(
    { file, role: "writer", lockedAfterMs: 200 },
    { make: (data) => (isBroken ? broken() : threads.make(data)), now: () => nowMs },
  );
  onTestFinished(() => writer.close());
  const ask = async (): Promise<unknown> => await writer.ask({ kind: "size" });
  await threads.of("writer")[0]?.terminate();
  isBroken = true;
  await expect(ask()).rejects.toMatchObject({ code: "STORE_FAILED", message: "a thread of the database broke: no memory" });
  await expect(ask()).rejects.toMatchObject({
    message: expect.stringContaining("no memory") as string,
    next: expect.stringContaining("250 ms") as string,
  });
  isBroken = false;
  nowMs += 250;
  await ask();
});

test("what is asked after closing is refused, also of one that ended", async () => {
  const { database, threads } = await open();
  await threads.of("writer")[0]?.terminate();
  await database.close();
  await expect(database.atomic([query("insert into numbers values (1)")])).rejects.toMatchObject({
    message: "the database is closed",
  });
  await expect(numbers(database)).rejects.toMatchObject({ message: "the database is closed" });
  expect(threads.of("writer")).toHaveLength(1);
});
