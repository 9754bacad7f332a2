import { expect, it } from "vitest";
import type { Hello } from "../../../../src/model/link.ts";
import type { ErrorGroup } from "../../../../src/model/record.ts";
import type { ErrorAnswer, LogAnswer } from "../../../../src/model/worker-calls.ts";
import { callResultSchemas } from "../../../../src/model/worker-results.ts";
import { historyOf } from "../../../../src/orchestrator/links/history.ts";
import { BOOT, linesOf, openTemporaryStore } from "../../../fixtures/temporary-store.ts";

const PRESENT = "f".repeat(32);
const hello = { bootID: PRESENT } as Hello;
const own = { worker: "a", container: "a-container" };

async function asked(): Promise<{
  readonly store: Awaited<ReturnType<typeof openTemporaryStore>>;
  logs(params: unknown): Promise<LogAnswer>;
  errors(params: unknown): Promise<ErrorAnswer>;
}> {
  const store = await openTemporaryStore();
  const answer = historyOf(store, own);
  return {
    store,
    logs: async (params) => callResultSchemas["logs.get"].parse(await answer("logs.get", params, hello)),
    errors: async (params) => callResultSchemas["errors.list"].parse(await answer("errors.list", params, hello)),
  };
}

const texts = ({ records }: LogAnswer): string[] => records.map((record) => (record.kind === "log" ? record.text : record.kind));

it("answers a worker from what is kept of its own container, and of no other", async () => {
  const { store, logs } = await asked();
  await store.keep(linesOf("a", 1, 50));
  await store.keep(linesOf("b", 1, 50));
  await store.keep({ ...linesOf("a", 51, 5), container: "another-container" });
  const answer = await logs({ limit: 1_000 });
  expect(answer).toMatchObject({ origin: "orchestrator", bootID: PRESENT, incomplete: false });
  expect(texts(answer)).toEqual(Array.from({ length: 50 }, (_, index) => `line ${index + 1} of a`));
  expect(answer.records[0]).toEqual({ ...linesOf("a", 1, 1).records[0], bootID: BOOT });
});

it("gives the newest lines, or those after a record of a boot", async () => {
  const { store, logs } = await asked();
  await store.keep(linesOf("a", 1, 100));
  await store.keep({ ...linesOf("a", 1, 100), bootID: PRESENT });
  expect(texts(await logs({ limit: 2, bootID: BOOT }))).toEqual(["line 99 of a", "line 100 of a"]);
  const after = await logs({ limit: 2, bootID: BOOT, afterSeq: 40 });
  expect(after.records.map(({ seq, bootID }) => [seq, bootID])).toEqual([
    [41, BOOT],
    [42, BOOT],
  ]);
  // Of the present boot where none is named.
  expect((await logs({ limit: 1, afterSeq: 7 })).records).toMatchObject([{ seq: 8, bootID: PRESENT }]);
});

it("cuts its answer to what one message holds, the newest of it or the first", async () => {
  const { store, logs } = await asked();
  await store.keep(linesOf("a", 1, 100, { text: "x".repeat(40_000) }));
  const newest = await logs({ limit: 100 });
  expect(newest.cut).toBe(true);
  expect(newest.records.length).toBeGreaterThan(10);
  expect(newest.records.at(-1)?.seq).toBe(100);
  const first = await logs({ limit: 100, bootID: BOOT, afterSeq: 0 });
  expect(first.cut).toBe(true);
  expect(first.records[0]?.seq).toBe(1);
});

it("answers with groups of errors, and refuses what is no question", async () => {
  const { store, errors, logs } = await asked();
  const group: ErrorGroup = {
    fingerprint: "0123456789abcdef",
    instance: "app",
    category: "runtime",
    severity: "error",
    source: "node",
    name: "Error",
    message: "it broke",
    count: 1,
    firstSeenMs: 1,
    lastSeenMs: 2,
    firstSeq: 1,
    lastSeq: 1,
    lines: ["Error: it broke"],
    before: [],
  };
  const record = { kind: "error", seq: 1, atMs: 2, instance: "app", group } as const;
  await store.keep({ ...own, bootID: BOOT, records: [record] });
  await store.keep({ worker: "b", container: "b", bootID: BOOT, records: [record] });
  expect((await errors({ limit: 10 })).groups).toMatchObject([{ fingerprint: "0123456789abcdef", count: 1 }]);
  await expect(errors({ limit: -1 })).rejects.toThrow(/limit/);
  await expect(logs({ limit: 1, contains: 5 })).rejects.toThrow(/contains/);
});
