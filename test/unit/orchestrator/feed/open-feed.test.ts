import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it, onTestFinished } from "vitest";
import type { Entry, EntryFilter } from "../../../../src/model/entry.ts";
import type { FeedPart } from "../../../../src/orchestrator/feed.ts";
import { openFeed, type FeedOptions, type OpenFeed } from "../../../../src/orchestrator/feed/open-feed.ts";
import type { Store } from "../../../../src/store/store.ts";
import { randomBelow } from "../../../fixtures/seeded-random.ts";
import { linesOf, openTemporaryStore } from "../../../fixtures/temporary-store.ts";

interface Following {
  readonly parts: FeedPart[];
  entries(): Entry[];
  /** Takes parts until one says that it is enough. */
  until(isEnough: (part: FeedPart) => boolean): Promise<FeedPart>;
  /** Takes entries until the one at that position was there. */
  upTo(position: number): Promise<void>;
  end(): void;
}

async function opened(options: FeedOptions = {}): Promise<{ readonly store: Store; readonly feed: OpenFeed }> {
  const store = await openTemporaryStore();
  const feed = openFeed(store, options);
  onTestFinished(() => feed.close());
  return { store, feed };
}

function follow(feed: OpenFeed, filter: EntryFilter, after: number | null): Following {
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const iterator = feed.follow(filter, after, ending.signal)[Symbol.asyncIterator]();
  const parts: FeedPart[] = [];
  const following: Following = {
    parts,
    entries: () => parts.flatMap((part) => (part.kind === "entries" ? part.entries : [])),
    async until(isEnough) {
      for (;;) {
        const { value, done } = await iterator.next();
        if (done) throw new Error("the feed ended");
        parts.push(value);
        if (isEnough(value)) return value;
      }
    },
    async upTo(position) {
      await following.until((part) => part.kind === "entries" && part.position >= position);
    },
    end: () => ending.abort(),
  };
  return following;
}

const texts = (entries: readonly Entry[]): string[] => entries.flatMap((entry) => (entry.kind === "log" ? [entry.text] : []));

it("says that it is live, and then gives what comes", async () => {
  const { store, feed } = await opened();
  await store.keep(linesOf("a", 1, 3));
  const following = follow(feed, {}, null);
  await following.until(({ kind }) => kind === "live");
  const kept = await store.keep(linesOf("a", 4, 2));
  await following.upTo(kept.at(-1)?.position ?? 0);
  expect(following.parts[0]).toEqual({ kind: "live", position: 3 });
  expect(following.entries()).toEqual(kept);
});

it("gives what was there before it is live, and each entry once whatever it reads it from", async () => {
  const { store, feed } = await opened();
  const first = await store.keep(linesOf("a", 1, 5_000));
  const following = follow(feed, {}, 0);
  const second = store.keep(linesOf("a", 5_001, 500));
  await following.until(({ kind }) => kind === "live");
  expect(following.entries().length).toBeGreaterThanOrEqual(first.length);
  const last = (await second).at(-1)?.position ?? 0;
  if ((following.entries().at(-1)?.position ?? 0) < last) await following.upTo(last);
  expect(following.entries()).toEqual([...first, ...(await second)]);
});

it("resumes from any cursor without gap or double, while entries come and memory holds few of them", async () => {
  // Some five thousand lines: the first ones are in the store alone when the reader begins, and who is within three thousand is never overtaken.
  const { store, feed } = await opened({ mostBytes: 1_000_000 });
  const random = randomBelow(20_261_121);
  const total = 12_000;
  const seen: Entry[] = [];
  const write = async (from: number, to: number, ahead: number): Promise<void> => {
    for (let seq = from; seq <= to;) {
      while (seq - seen.length > ahead) await new Promise((resolve) => setImmediate(resolve));
      const many = Math.min(1 + random(60), to - seq + 1);
      await store.keep(linesOf("a", seq, many));
      seq += many;
    }
  };
  await write(1, 8_000, Number.POSITIVE_INFINITY);
  const writing = write(8_001, total, 3_000);
  writing.catch(() => {});
  while ((seen.at(-1)?.position ?? 0) < total) {
    const following = follow(feed, {}, seen.at(-1)?.position ?? 0);
    let parts = 1 + random(6);
    await following.until((part) => {
      if (part.kind === "entries") seen.push(...part.entries);
      return --parts <= 0 || (seen.at(-1)?.position ?? 0) >= total;
    });
    following.end();
    expect(following.parts.filter(({ kind }) => kind === "gap")).toEqual([]);
  }
  await writing;
  expect(texts(seen)).toEqual(Array.from({ length: total }, (_, index) => `line ${index + 1} of a`));
});

it("tells a slow reader how much it missed, and goes on with what comes then", async () => {
  const { store, feed } = await opened({ mostBytes: 30_000 });
  const slow = follow(feed, { workers: ["a"] }, null);
  await slow.until(({ kind }) => kind === "live");
  const pending = slow.until(({ kind }) => kind === "entries");
  const [head] = await store.keep(linesOf("a", 1, 1));
  await pending;
  let kept = 0;
  for (let round = 0; round < 20; round++) {
    kept += (await store.keep(linesOf("a", 2 + round * 50, 50))).length;
    await store.keep(linesOf("b", 1 + round * 50, 50));
  }
  const gap = await slow.until(({ kind }) => kind === "gap");
  expect(gap).toEqual({ kind: "gap", reason: "slow reader", after: head?.position, upTo: feed.position, entries: kept });
  const more = await store.keep(linesOf("a", 1_002, 2));
  await slow.upTo(more.at(-1)?.position ?? 0);
  expect(slow.entries()).toEqual([head, ...more]);
});

it("does not call it a gap when nothing that a reader wants was missed", async () => {
  const { store, feed } = await opened({ mostBytes: 10_000 });
  const quiet = follow(feed, { workers: ["quiet"] }, null);
  await quiet.until(({ kind }) => kind === "live");
  for (let round = 0; round < 20; round++) await store.keep(linesOf("loud", 1 + round * 50, 50));
  const [one] = await store.keep(linesOf("quiet", 1, 1));
  await quiet.upTo(one?.position ?? 0);
  expect(quiet.parts.map(({ kind }) => kind)).toEqual(["live", "entries"]);
  expect(quiet.entries()).toEqual([one]);
});

it("tells what is no longer kept", async () => {
  const { store, feed } = await opened({ mostBytes: 1_000 });
  for (let round = 0; round < 10; round++) await store.keep(linesOf("a", 1 + round * 100, 100));
  await store.retain({ maxAgeMs: null, maxRows: 200, maxBytes: null }, Date.now(), new AbortController().signal);
  const late = follow(feed, {}, 0);
  await late.upTo(1_000);
  expect(late.parts[0]).toMatchObject({ kind: "gap", reason: "no longer kept", after: 0, entries: null });
  const seen = texts(late.entries());
  expect(seen.length).toBeLessThanOrEqual(200);
  expect(seen).toEqual(Array.from({ length: seen.length }, (_, index) => `line ${1_001 - seen.length + index} of a`));
});

it("does not call it a gap when only what a reader had already is no longer kept", async () => {
  const { store, feed } = await opened({ mostBytes: 1_000 });
  for (let round = 0; round < 50; round++) await store.keep(linesOf("a", 1 + round * 100, 100));
  const late = follow(feed, {}, 0);
  await late.upTo(2_000);
  await store.retain({ maxAgeMs: null, maxRows: 4_000, maxBytes: null }, Date.now(), new AbortController().signal);
  await late.upTo(4_000);
  await store.retain({ maxAgeMs: null, maxRows: 500, maxBytes: null }, Date.now(), new AbortController().signal);
  await late.upTo(5_000);
  const gaps = late.parts.filter(({ kind }) => kind === "gap");
  expect(gaps).toEqual([{ kind: "gap", reason: "no longer kept", after: 4_000, upTo: 4_500, entries: null }]);
  expect(texts(late.entries())).toHaveLength(4_500);
});

it("holds no more for readers that do not read than its bound, however much comes", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const { store, feed } = await opened({ mostBytes: 1_000_000 });
  const readers = Array.from({ length: 20 }, () => follow(feed, {}, null));
  await Promise.all(readers.map((reader) => reader.until(({ kind }) => kind === "live")));
  const put = async (round: number): Promise<void> => {
    const { records, ...of } = linesOf("a", 1 + round * 500, 500);
    const text = (index: number): string => `${round} ${index} `.padEnd(4_000, "x");
    await store.keep({ ...of, records: records.map((record, index) => ({ ...record, text: text(index) }) as typeof record) });
  };
  await put(0);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let round = 1; round <= 30; round++) await put(round);
  collect();
  // Sixty megabytes came.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(15_000_000);
  for (const reader of readers) {
    expect(await reader.until(({ kind }) => kind !== "live")).toMatchObject({ kind: "gap", reason: "slow reader", after: 0 });
  }
});

it("reads for a few at a time, each in its turn, however many begin far back", async () => {
  const store = await openTemporaryStore();
  for (let round = 0; round < 30; round++) await store.keep(linesOf("a", 1 + round * 100, 100));
  let [reading, most] = [0, 0];
  const feed = openFeed(
    {
      position: store.position,
      listen: () => () => {},
      async entries(filter, page) {
        most = Math.max(most, ++reading);
        const answer = await store.entries(filter, page);
        reading -= 1;
        return answer;
      },
    },
    {},
  );
  onTestFinished(() => feed.close());
  const readers = Array.from({ length: 20 }, () => follow(feed, {}, 0));
  await Promise.all(readers.map((reader) => reader.upTo(3_000)));
  for (const reader of readers) expect(texts(reader.entries())).toHaveLength(3_000);
  expect(most).toBe(2);
});

it("takes by every condition, in memory as in the store", async () => {
  const { store, feed } = await opened();
  await store.keep(linesOf("a", 1, 2, { level: "error" }));
  await store.keep(linesOf("b", 1, 2, { stream: "stderr", instance: "other" }));
  const of = { worker: null, container: null, instance: null, group: "family", run: "r1" } as const;
  await store.append([{ atMs: 5, ...of, event: { type: "trouble", why: "a test" } }]);
  const filters: readonly [EntryFilter, number][] = [
    [{}, 5],
    [{ workers: ["a"] }, 2],
    [{ containers: ["b-container"] }, 2],
    [{ instances: ["other"] }, 2],
    [{ kinds: ["event"] }, 1],
    [{ groups: ["family"] }, 1],
    [{ runs: ["r1", "r2"] }, 1],
    [{ levels: ["error"] }, 3],
    [{ levels: ["error"], kinds: ["log"] }, 2],
    [{ streams: ["stderr"], kinds: ["log"] }, 2],
    [{ workers: ["a"], instances: ["other"] }, 0],
  ];
  const late = openFeed(store);
  onTestFinished(() => late.close());
  for (const [filter, many] of filters) {
    for (const source of [feed, late]) {
      const following = follow(source, filter, 0);
      await following.until(({ kind }) => kind === "live");
      expect(following.entries(), JSON.stringify(filter)).toHaveLength(many);
      following.end();
    }
  }
});

it("makes the JSON of entries once for all who want the same", async () => {
  const { store, feed } = await opened();
  const all = [follow(feed, { workers: ["a", "b"] }, null), follow(feed, { workers: ["b", "a"] }, null), follow(feed, {}, null)];
  for (const one of all) await one.until(({ kind }) => kind === "live");
  const waiting = all.map((one) => one.until(({ kind }) => kind === "entries"));
  await store.keep(linesOf("a", 1, 10));
  const [one, two, three] = await Promise.all(waiting);
  if (one?.kind !== "entries" || two?.kind !== "entries" || three?.kind !== "entries") throw new Error("no entries came");
  expect(one.entries).toBe(two.entries);
  for (const part of [one, two, three]) expect(JSON.parse(part.text())).toEqual(part.entries);
});

it("moves the cursor of a reader for whom nothing comes", async () => {
  const { store, feed } = await opened();
  const quiet = follow(feed, { workers: ["quiet"] }, null);
  await quiet.until(({ kind }) => kind === "live");
  const moved = quiet.until(({ kind }) => kind === "entries");
  for (let round = 0; round < 6; round++) await store.keep(linesOf("loud", 1 + round * 10_000, 10_000));
  expect(await moved).toMatchObject({ entries: [] });
  expect((await moved).kind === "entries" && quiet.parts.at(-1)).toMatchObject({ position: expect.any(Number) });
});

it("begins with what comes for a cursor that it never gave, and ends when it is closed", async () => {
  const { store, feed } = await opened();
  await store.keep(linesOf("a", 1, 3));
  const following = follow(feed, {}, 1_000_000);
  expect(await following.until(() => true)).toEqual({ kind: "live", position: 3 });
  const next = following.until(() => true);
  feed.close();
  await expect(next).rejects.toThrow("the feed ended");
});
