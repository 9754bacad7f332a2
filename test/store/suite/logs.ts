import { describe, expect, test } from "vitest";
import type { LogEntry, LostEntry } from "../../../src/model/entry.ts";
import type { LogQuery, Page } from "../../../src/model/kept.ts";
import type { Store } from "../../../src/store/store.ts";
import { batch, bootA, bootB, log, lost, START_MS } from "./samples.ts";
import { openSubject, type Subject } from "./subject.ts";

const textOf = (entry: LogEntry | LostEntry): string => (entry.kind === "log" ? entry.text : `lost ${entry.lines}`);

async function texts(store: Store, query: Partial<LogQuery> = {}): Promise<readonly string[]> {
  return (await store.logs({ limit: 100, ...query })).items.map(textOf);
}

/** Two workers with two instances each, their lines in turn, and the second one's own. */
async function fill(store: Store): Promise<void> {
  await store.keep(
    batch([
      log(1, "alpha web one", { level: "info" }),
      log(2, "alpha job one", { instance: "job", stream: "stderr" }),
      log(3, "alpha web two", { level: "error" }),
      lost(4, { lines: 7 }),
    ]),
  );
  await store.keep(
    batch([log(1, "beta web one"), log(2, "beta itself one", { instance: null }), log(3, "beta job one", { instance: "job" })], {
      worker: "beta",
      container: "beta-1",
      bootID: bootB,
    }),
  );
  await store.keep(batch([log(5, "alpha web three", { level: "warn" })]));
}

export function describeLogs(subject: Subject): void {
  describe("logs", () => {
    test("gives a line as it was told", async () => {
      const { store } = await openSubject(subject);
      const told = log(1, "  Grüße 🦀\t", { level: "warn", raw: "AAEC", part: "begins", unended: true });
      const [kept] = await store.keep(batch([told]));
      expect((await store.logs({ limit: 10 })).items).toEqual([kept]);
      expect(kept).toEqual({
        ...told,
        position: expect.any(Number),
        worker: "alpha",
        container: "alpha-1",
        group: null,
        run: null,
        bootID: bootA,
      });
    });

    test("gives the newest, oldest first, and says whether there are older ones", async () => {
      const { store } = await openSubject(subject);
      await fill(store);
      const page = await store.logs({ limit: 3 });
      expect(page.items.map(textOf)).toEqual(["beta itself one", "beta job one", "alpha web three"]);
      expect(page).toMatchObject({ more: true, first: page.items[0]?.position, last: page.items[2]?.position });
      const older = await store.logs({ limit: 5, before: page.first ?? 0 });
      expect(older.items.map(textOf)).toEqual(["alpha web one", "alpha job one", "alpha web two", "lost 7", "beta web one"]);
      expect(older.more).toBe(false);
    });

    test("goes on after a position", async () => {
      const { store } = await openSubject(subject);
      await fill(store);
      const read: string[] = [];
      let after = 0;
      for (;;) {
        const page: Page<LogEntry | LostEntry> = await store.logs({ limit: 3, after });
        read.push(...page.items.map(textOf));
        after = page.last ?? after;
        if (!page.more) break;
      }
      expect(read).toEqual(await texts(store));
      expect(await store.logs({ limit: 3, after })).toEqual({ items: [], first: null, last: null, more: false });
    });

    test("takes what was asked for", async () => {
      const { store } = await openSubject(subject);
      await fill(store);
      expect(await texts(store, { workers: ["alpha"], instances: ["web"] })).toEqual([
        "alpha web one",
        "alpha web two",
        "alpha web three",
      ]);
      expect(await texts(store, { workers: ["beta"] })).toEqual(["beta web one", "beta itself one", "beta job one"]);
      expect(await texts(store, { workers: ["beta", "nobody", "alpha"], instances: ["job"] })).toEqual([
        "alpha job one",
        "beta job one",
      ]);
      expect(await texts(store, { instances: ["web", "job"] })).toEqual([
        "alpha web one",
        "alpha job one",
        "alpha web two",
        "beta web one",
        "beta job one",
        "alpha web three",
      ]);
      expect(await texts(store, { containers: ["beta-1"] })).toEqual(["beta web one", "beta itself one", "beta job one"]);
      expect(await texts(store, { bootID: bootB, streams: ["stdout"] })).toEqual([
        "beta web one",
        "beta itself one",
        "beta job one",
      ]);
      expect(await texts(store, { streams: ["stderr"] })).toEqual(["alpha job one", "lost 7"]);
      expect(await texts(store, { workers: ["alpha"], sinceMs: START_MS + 2, untilMs: START_MS + 3 })).toEqual([
        "alpha job one",
        "alpha web two",
      ]);
      expect(await store.logs({ limit: 2, workers: ["beta", "beta"] })).toMatchObject({
        more: true,
        items: [{ seq: 2 }, { seq: 3 }],
      });
      const many = Array.from({ length: 500 }, (_, index) => `worker-${index}`);
      expect(await texts(store, { workers: [...many, "beta", "beta"], instances: [...many, "job", "job"] })).toEqual([
        "beta job one",
      ]);
    });

    test("asks levels of lines, and hides no lost ones", async () => {
      const { store } = await openSubject(subject);
      await fill(store);
      for (const levels of [["error"], ["error", "warn"]] as const) {
        const expected = ["alpha web two", "lost 7", ...(levels.length === 2 ? ["alpha web three"] : [])];
        expect(await texts(store, { levels })).toEqual(expected);
        await store.index(AbortSignal.timeout(10_000));
        expect(await texts(store, { levels })).toEqual(expected);
      }
      expect(await texts(store, { levels: ["error", "warn"], instances: ["web"] })).toEqual(["alpha web two", "alpha web three"]);
    });

    test("finds text wherever it stands, in capitals or not", async () => {
      const { store } = await openSubject(subject);
      await store.keep(batch([log(1, "Größe: 100%_ÄRGER"), log(2, "100 percent"), log(3, "СЛОВО"), lost(4)]));
      expect(await texts(store, { contains: "RÖSSE" })).toEqual([]);
      expect(await texts(store, { contains: "röße" })).toEqual(["Größe: 100%_ÄRGER"]);
      expect(await texts(store, { contains: "%_ärg" })).toEqual(["Größe: 100%_ÄRGER"]);
      expect(await texts(store, { contains: "100" })).toEqual(["Größe: 100%_ÄRGER", "100 percent"]);
      expect(await texts(store, { contains: "лов" })).toEqual(["СЛОВО"]);
      expect(await texts(store, { contains: "abcdefghijklmnopqrstuvwxyz".repeat(8) })).toEqual([]);
    });

    test("ends a page of long lines early, and loses none", async () => {
      const { store } = await openSubject(subject);
      const long = "x".repeat(65_536);
      for (let first = 1; first <= 401; first += 50)
        await store.keep(batch(Array.from({ length: 50 }, (_, index) => log(first + index, `${first + index} ${long}`))));
      const numbers: number[] = [];
      let pages = 0;
      let after = 0;
      for (;;) {
        const page: Page<LogEntry | LostEntry> = await store.logs({ limit: 1000, after });
        numbers.push(...page.items.map(({ seq }) => seq));
        pages += 1;
        after = page.last ?? after;
        if (!page.more) break;
      }
      expect(numbers).toEqual(Array.from({ length: 450 }, (_, index) => index + 1));
      expect(pages).toBe(2);
      const newest = await store.logs({ limit: 1000 });
      expect(newest).toMatchObject({ more: true, last: after });
      expect(newest.items.at(-1)?.seq).toBe(450);
    });
  });
}
