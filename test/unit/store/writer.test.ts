import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Entry } from "../../../src/model/entry.ts";
import type { LogRecord } from "../../../src/model/record.ts";
import { NovaError } from "../../../src/model/errors.ts";
import { openStore } from "../../../src/store/open.ts";
import { openDatabase } from "../../../src/store/sqlite/database.ts";
import { readMigrations } from "../../../src/store/sqlite/migration-files.ts";
import type { Store } from "../../../src/store/store.ts";
import { startedThreads } from "../../fixtures/database-threads.ts";
import { temporaryDirectory } from "../../fixtures/home.ts";

const line = (seq: number, text: string): LogRecord => {
  return { kind: "log", seq, atMs: seq, instance: "web", stream: "stdout", level: null, text };
};
const of = (worker: string) => ({ worker, container: `${worker}-1`, bootID: "a".repeat(32) });

/** A store, and how many statements each of its commits had. */
async function openCounted(): Promise<{ store: Store; commits: number[] }> {
  const database = await openDatabase({ file: join(await temporaryDirectory(), "orchestrator.db") });
  const commits: number[] = [];
  const counted: typeof database = {
    ...database,
    atomic(queries) {
      commits.push(queries.length);
      return database.atomic(queries);
    },
  };
  const store = await openStore(counted, { migrations: await readMigrations() });
  onTestFinished(() => store.close());
  commits.length = 0;
  return { store, commits };
}

test("what waits while one commit goes on shares the next", async () => {
  const { store, commits } = await openCounted();
  const first = store.keep({ ...of("w0"), records: [line(1, "first")] });
  await Promise.resolve();
  await Promise.resolve();
  const others = Array.from({ length: 50 }, (_, index) => store.keep({ ...of(`w${index + 1}`), records: [line(1, "other")] }));
  await Promise.all([first, ...others]);
  expect(commits).toHaveLength(2);
  expect((await store.size()).logRows).toBe(51);
});

test("what cannot be written fails by itself, and the others of its commit do not", async () => {
  const { store } = await openCounted();
  const told: Entry[] = [];
  store.listen((entries) => void told.push(...entries));
  const outcomes = await Promise.allSettled([
    store.keep({ ...of("w0"), records: [line(1, "good")] }),
    store.keep({ ...of("w1"), records: [{ ...line(1, "bad"), atMs: null as never }] }),
    store.keep({ ...of("w2"), records: [line(1, "good as well")] }),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(outcomes[1]).toMatchObject({ reason: { code: "STORE_FAILED" } });
  expect(told.map(({ worker }) => worker)).toEqual(["w0", "w2"]);
  expect((await store.logs({ limit: 10 })).items).toEqual(told);
});

test("what was kept though its answer was lost is told all the same, and once", async () => {
  const database = await openDatabase({ file: join(await temporaryDirectory(), "orchestrator.db") });
  let losesAnswers = false;
  const broken: typeof database = {
    ...database,
    async atomic(queries) {
      const done = await database.atomic(queries);
      if (losesAnswers) throw new NovaError("STORE_FAILED", "a thread of the database ended");
      return done;
    },
  };
  const store = await openStore(broken, { migrations: await readMigrations() });
  onTestFinished(() => store.close());
  const told: Entry[] = [];
  store.listen((entries) => void told.push(...entries));
  await store.keep({ ...of("w0"), records: [line(1, "one"), line(2, "two")] });
  losesAnswers = true;
  const of0 = { worker: null, container: null, instance: null, group: "family", run: null, atMs: 1 };
  const [again, event] = await Promise.all([
    // Two of them are there already.
    store.keep({ ...of("w0"), records: [line(1, "one"), line(2, "two"), line(3, "three")] }),
    store.append([{ ...of0, event: { type: "trouble", why: "none" } }]),
  ]);
  await expect(store.putWorker("w0", { state: "linked" })).rejects.toMatchObject({ code: "STORE_FAILED" });
  losesAnswers = false;
  expect(again.map((entry) => entry.kind === "log" && entry.text)).toEqual(["three"]);
  expect(told.slice(2)).toEqual([...again, ...event]);
  await store.keep({ ...of("w0"), records: [line(3, "three"), line(4, "four")] });
  expect(told).toHaveLength(5);
  expect((await store.entries({}, { limit: 10 })).items).toEqual(told);
  const positions = told.map(({ position }) => position);
  expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => a - b));
  expect(store.position).toBeGreaterThanOrEqual(positions.at(-1) ?? 0);
});

test("a thread that ends loses nothing that is sent again, and gives no position twice", async () => {
  const threads = startedThreads();
  const database = await openDatabase({ file: join(await temporaryDirectory(), "orchestrator.db"), makeThread: threads.make });
  const store = await openStore(database, { migrations: await readMigrations() });
  onTestFinished(() => store.close());
  const told: Entry[] = [];
  store.listen((entries) => void told.push(...entries));
  for (let seq = 1; seq <= 3; seq += 1) {
    const keeping = store.keep({ ...of("w0"), records: [line(seq, `line ${seq}`)] });
    await Promise.all([threads.of("writer").at(-1)?.terminate(), keeping.catch(() => undefined)]);
    // As a worker's records are sent again, until they are taken.
    await vi.waitFor(async () => await store.keep({ ...of("w0"), records: [line(seq, `line ${seq}`)] }), { timeout: 20_000 });
  }
  expect(threads.of("writer")).toHaveLength(4);
  expect(told.map((entry) => entry.kind === "log" && entry.text)).toEqual(["line 1", "line 2", "line 3"]);
  expect((await store.logs({ limit: 10 })).items).toEqual(told);
});
