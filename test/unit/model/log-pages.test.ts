import { describe, expect, test } from "vitest";
import { allLines, followFrom, gapsOf, unseenOf } from "../../../src/model/log-pages.ts";
import type { LogAnswer, LogQuery } from "../../../src/model/worker-calls.ts";

const BOOT = "b".repeat(32);
const LAST = 25_000;
const FITS = 700;

/** What a supervisor answers that keeps records 1 to LAST, and of which a message holds FITS. */
async function ask({ afterSeq, limit }: LogQuery): Promise<LogAnswer> {
  const count = Math.min(limit, LAST - (afterSeq ?? LAST - limit));
  const first = afterSeq === undefined ? LAST - Math.min(count, FITS) + 1 : afterSeq + 1;
  const records = Array.from({ length: Math.min(count, FITS) }, (_, index) => ({
    ...{ seq: first + index, atMs: 0, instance: "app", kind: "log", stream: "stdout", level: null, text: "" },
    bootID: BOOT,
  })) as unknown as LogAnswer["records"];
  return { origin: "container", bootID: BOOT, records, incomplete: false, ...(count > FITS ? { cut: true } : {}) };
}

describe("lines that do not fit into one message", () => {
  test("all of those after a record come, page by page", async () => {
    const answer = await allLines(ask, { afterSeq: 0, limit: 100_000 });
    expect(answer.records.map(({ seq }) => seq)).toEqual(Array.from({ length: LAST }, (_, index) => index + 1));
    expect(answer.cut).toBeUndefined();
    expect((await allLines(ask, { afterSeq: 10, limit: 1500 })).records.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 1500 }, (_, index) => 11 + index),
    );
  });

  test("of the newest it is said how to have all", async () => {
    const query = { limit: 1000 };
    const answer = await allLines(ask, query);
    expect(answer.records.at(-1)?.seq).toBe(LAST);
    expect(gapsOf(answer, query)).toEqual([expect.stringContaining("--last-sequence 0 for all")]);
  });
});

test("processes that nobody has seen are told of, with those that are known", async () => {
  const answer = await ask({ limit: 3 });
  const unseen = async (instances: readonly string[] | undefined, known: readonly string[]): Promise<string[]> =>
    await unseenOf({ limit: 3, ...(instances && { instances }) }, answer, async () => known);
  expect(await unseen(["app", "web", "api", "db"], ["web", "app", "web"])).toEqual([
    'No process "api", "db" has been seen; known: app, web.',
  ]);
  expect(await unseen(["api"], [])).toEqual(['No process "api" has been seen; known: none.']);
  expect(await unseen(["api"], ["api"])).toEqual([]);
  // What wrote something has been seen, also where the worker itself keeps nothing of it.
  expect(await unseen(["app"], [])).toEqual([]);
  expect(await unseen(undefined, [])).toEqual([]);
});

describe("following goes on", () => {
  const mark = { bootID: BOOT, lastSeq: LAST };
  test("where the lines after a record stopped, also at their limit", async () => {
    const query = { afterSeq: 100, limit: 1000 };
    expect(followFrom(await allLines(ask, query), query, mark)).toBe(1100);
  });
  test("with what is new after the newest lines", async () => {
    const query = { limit: 10 };
    expect(followFrom(await allLines(ask, query), query, mark)).toBe(LAST);
  });
  test("with what is new after a record that is still to come, or of an earlier boot", async () => {
    const nothing: LogAnswer = { origin: "container", bootID: BOOT, records: [], incomplete: false };
    expect(followFrom(nothing, { afterSeq: 1e9, limit: 10 }, mark)).toBe(LAST);
    expect(followFrom(nothing, { afterSeq: 5, bootID: "a".repeat(32), limit: 10 }, mark)).toBe(LAST);
  });
});
