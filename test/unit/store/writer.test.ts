import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Entry } from "../../../src/model/entry.ts";
import type { LogRecord } from "../../../src/model/record.ts";
import { openStore } from "../../../src/store/open.ts";
import { openDatabase } from "../../../src/store/sqlite/database.ts";
import { readMigrations } from "../../../src/store/sqlite/migration-files.ts";
import type { Store } from "../../../src/store/store.ts";
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
