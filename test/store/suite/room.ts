import { sql } from "kysely";
import { describe, expect, onTestFinished, test } from "vitest";
import type { LogRecord } from "../../../src/model/record.ts";
import { NovaError } from "../../../src/model/errors.ts";
import type { Database } from "../../../src/store/database.ts";
import { openStore } from "../../../src/store/open.ts";
import type { Retention, Store } from "../../../src/store/store.ts";
import { build } from "../../../src/store/tables.ts";
import { batch, error, log } from "./samples.ts";
import type { Subject } from "./subject.ts";

const unbound: Retention = { maxAgeMs: null, maxRows: null, maxBytes: null };
/** Of one line of the flood, whatever its number. */
const LINE_BYTES = 20;

const lines = (from: number, count: number): readonly LogRecord[] =>
  Array.from({ length: count }, (_, index) => log(from + index, String(from + index).padStart(LINE_BYTES, "-")));

/** A store whose workers may have so much; `change` stands between it and its database. */
async function openBound(
  subject: Subject,
  bounds: Partial<Retention>,
  change: (database: Database) => Partial<Database> = () => ({}),
): Promise<{ store: Store; database: Database }> {
  const database = await subject.open();
  const store = await openStore(
    { ...database, ...change(database) },
    { migrations: subject.migrations, bounds: { ...unbound, ...bounds } },
  );
  onTestFinished(() => store.close());
  return { store, database };
}

async function keptOf(
  database: Pick<Database, "read">,
  worker: string,
): Promise<{ readonly rows: number; readonly bytes: number }> {
  const [row] = await database.read(
    build
      .selectFrom("logs")
      .select([sql<number>`count(*)`.as("rows"), sql<number>`coalesce(sum(octet_length(text)), 0)`.as("bytes")])
      .where("worker_name", "=", worker)
      .compile(),
  );
  return row ?? { rows: 0, bytes: 0 };
}

/** What asks for the oldest lines to take them out. */
const looksForLines = (query: { readonly sql: string }): boolean =>
  query.sql.includes("octet_length(text)") && query.sql.includes("limit");

export function describeRoom(subject: Subject): void {
  describe("room for what comes", () => {
    test.each([
      ["rows", { maxRows: 2000 }],
      ["bytes", { maxBytes: 2000 * LINE_BYTES }],
    ] as const)(
      "a worker that floods stays within a tenth of its bounds by %s, and nothing of it is missing or double",
      async (_, bounds) => {
        let most = -1;
        const { store, database } = await openBound(subject, bounds, (own) => ({
          async atomic(queries) {
            const done = await own.atomic(queries);
            if (most >= 0) most = Math.max(most, (await keptOf(own, "alpha")).rows);
            return done;
          },
        }));
        most = 0;
        // All at once, large and small: who waits is not overtaken by what comes later.
        const sizes = Array.from({ length: 60 }, (__, index) => (index % 3 === 0 ? 7 : 150));
        let seq = 1;
        const kept = await Promise.all(
          sizes.map((size) => {
            const records = lines(seq, size);
            seq += size;
            return store.keep(batch(records));
          }),
        );
        expect(kept.map(({ length }) => length)).toEqual(sizes);
        expect(most).toBeGreaterThan(2000);
        expect(most).toBeLessThanOrEqual(2200);
        // What is being taken out still is out then.
        await store.retain({ ...unbound, ...bounds }, 0, AbortSignal.timeout(20_000));
        const { items } = await store.logs({ workers: ["alpha"], limit: 3000 });
        expect(items).toHaveLength(2000);
        expect(items.map((line) => line.seq)).toEqual(Array.from({ length: items.length }, (__, at) => seq - items.length + at));
        expect(await keptOf(database, "alpha")).toEqual({ rows: items.length, bytes: items.length * LINE_BYTES });
        await store.putWorker("alpha", { state: "linked" });
        expect((await store.workers())[0]?.logs).toEqual(await keptOf(database, "alpha"));
        const { droppedUpTo } = await store.entries({ workers: ["alpha"] }, { after: 0, limit: 1 });
        expect(droppedUpTo).toBe((items[0]?.position ?? 0) - 1);
      },
    );

    test("nobody else waits while one does", async () => {
      const stuck = Promise.withResolvers<void>();
      const looking = Promise.withResolvers<void>();
      const { store } = await openBound(subject, { maxRows: 100 }, (own) => ({
        async read(query) {
          if (looksForLines(query)) {
            looking.resolve();
            await stuck.promise;
          }
          return await own.read(query);
        },
      }));
      await store.keep(batch(lines(1, 110)));
      let isIn = false;
      const waiting = store.keep(batch(lines(111, 50))).then((entries) => {
        isIn = true;
        return entries;
      });
      await looking.promise;
      for (let at = 0; at < 10; at += 1)
        expect(await store.keep(batch(lines(at * 10 + 1, 10), { worker: "beta", container: "beta-1" }))).toHaveLength(10);
      await store.putWorker("beta", { state: "linked" });
      expect(isIn).toBe(false);
      stuck.resolve();
      expect(await waiting).toHaveLength(50);
    });

    test("a worker that floods with errors waits until everything was looked through, and nobody else does", async () => {
      const bounds = { ...unbound, maxBytes: 1_000_000 };
      const { store, database } = await openBound(subject, bounds);
      const flood = Array.from({ length: 40 }, (_, at) => batch([error(at + 1, { message: "x".repeat(900_000) })]));
      const order: number[] = [];
      const put = flood.map(async (one, at) => {
        await store.keep(one);
        order.push(at);
      });
      // A line of the same worker does not overtake what it told before.
      const line = store.keep(batch([log(41, "after them")])).then(() => order.push(40));
      await Promise.all(put.slice(0, 18));
      for (let at = 1; at <= 5; at += 1)
        expect(await store.keep(batch(lines(at, 1), { worker: "beta", container: "beta-1" }))).toHaveLength(1);
      expect(order).toHaveLength(18);
      let looks = 0;
      for (; order.length < 41; looks += 1) {
        await store.retain(bounds, 0, AbortSignal.timeout(20_000));
        await store.putWorker("beta", { state: "linked" });
      }
      await Promise.all([...put, line]);
      expect(looks).toBeGreaterThan(1);
      expect(order).toEqual(order.toSorted((one, other) => one - other));
      await store.retain(bounds, 0, AbortSignal.timeout(20_000));
      const kept = await database.read(
        build.selectFrom("error_occurrences").select("seq").where("worker_name", "=", "alpha").compile(),
      );
      expect(kept).toEqual([{ seq: 40 }]);
    });

    test("what was there beyond the bounds goes while lines come in, and gets no more", async () => {
      const { store: before, database } = await openBound(subject, {});
      for (let at = 0; at < 50; at += 1) await before.keep(batch(lines(at * 100 + 1, 100)));
      const had: number[] = [];
      const isGoing = Promise.withResolvers<void>();
      const next = await openStore(
        {
          ...database,
          async read(query) {
            if (looksForLines(query)) await isGoing.promise;
            return await database.read(query);
          },
        },
        { migrations: subject.migrations, bounds: { ...unbound, maxRows: 1000 } },
      );
      // As many as the margin lets in, with what was there still there.
      expect(await next.keep(batch(lines(5001, 100)))).toHaveLength(100);
      const more = Array.from({ length: 10 }, async (_, at) => {
        await next.keep(batch(lines(5101 + at * 100, 100)));
        had.push((await keptOf(database, "alpha")).rows);
      });
      isGoing.resolve();
      await Promise.all(more);
      expect(Math.max(...had)).toBeLessThanOrEqual(5100);
      await next.retain({ ...unbound, maxRows: 1000 }, 0, AbortSignal.timeout(20_000));
      expect(await keptOf(database, "alpha")).toMatchObject({ rows: 1000 });
    });

    test("where no room can be made who waits hears why, and may come again", async () => {
      let isFull = true;
      const { store } = await openBound(subject, { maxRows: 100 }, (own) => ({
        read(query) {
          if (isFull && looksForLines(query)) return Promise.reject(new NovaError("STORE_FULL", "the disk is full"));
          return own.read(query);
        },
      }));
      await store.keep(batch(lines(1, 110)));
      await expect(store.keep(batch(lines(111, 50)))).rejects.toMatchObject({ code: "STORE_FULL" });
      isFull = false;
      expect(await store.keep(batch(lines(111, 50)))).toHaveLength(50);
    });

    test("what went without that being heard is not taken out once more", async () => {
      let isUnheard = true;
      const { store, database } = await openBound(subject, { maxRows: 1000 }, (own) => ({
        async atomic(queries) {
          const done = await own.atomic(queries);
          if (!isUnheard || !queries.some(({ sql: text }) => text.startsWith("delete from logs"))) return done;
          isUnheard = false;
          throw new NovaError("STORE_FAILED", "it ended before it answered");
        },
      }));
      await store.keep(batch(lines(1, 1000)));
      await store.keep(batch(lines(1001, 100)));
      await expect(store.keep(batch(lines(1101, 50)))).rejects.toMatchObject({ code: "STORE_FAILED" });
      expect(await keptOf(database, "alpha")).toMatchObject({ rows: 1000 });
      expect(await store.keep(batch(lines(1101, 50)))).toHaveLength(50);
      await store.retain({ ...unbound, maxRows: 1000 }, 0, AbortSignal.timeout(20_000));
      expect(await keptOf(database, "alpha")).toMatchObject({ rows: 1000 });
    });

    test("takes in a batch that is larger than the bound, and one of a worker whose count is wrong", async () => {
      const { store, database } = await openBound(subject, { maxRows: 10 });
      expect(await store.keep(batch(lines(1, 100)))).toHaveLength(100);
      expect(await store.keep(batch(lines(101, 100)))).toHaveLength(100);
      await database.atomic([build.updateTable("usage").set({ log_rows: 1000 }).compile()]);
      const next = await openStore(database, { migrations: subject.migrations, bounds: { ...unbound, maxRows: 10 } });
      expect(await next.keep(batch(lines(201, 5)))).toHaveLength(5);
      expect(await next.keep(batch(lines(206, 5)))).toHaveLength(5);
    });

    test("who gives up does not wait any more, keeps nobody behind it waiting, and may come again", async () => {
      const { store } = await openBound(subject, { maxBytes: 1_000_000 });
      await store.keep(batch(Array.from({ length: 17 }, (_, at) => error(at + 1, { message: "x".repeat(1_000_000) }))));
      const over = new AbortController();
      const first = store.keep(batch([error(18), log(19, "behind an error")]), over.signal).catch((thrown: unknown) => thrown);
      const second = store.keep(batch([log(1, "of the next container")], { container: "alpha-2" }));
      over.abort(new Error("its link was lost"));
      expect(await first).toMatchObject({ message: "its link was lost" });
      expect(await second).toHaveLength(1);
      await expect(store.keep(batch([error(18)]), over.signal)).rejects.toThrow("its link was lost");
      const again = store.keep(batch([error(18), log(19, "behind an error")]));
      await store.retain(unbound, 0, AbortSignal.timeout(20_000));
      expect(await again).toHaveLength(2);
    });

    test("closing lets nobody wait", async () => {
      const stuck = Promise.withResolvers<void>();
      const { store } = await openBound(subject, { maxRows: 100 }, (own) => ({
        async read(query) {
          if (looksForLines(query)) await stuck.promise;
          return await own.read(query);
        },
      }));
      await store.keep(batch(lines(1, 110)));
      const waiting = store.keep(batch(lines(111, 50))).catch((thrown: unknown) => thrown);
      const closed = store.close();
      expect(await waiting).toMatchObject({ code: "STORE_FAILED" });
      await expect(store.keep(batch(lines(111, 50)))).rejects.toMatchObject({ code: "STORE_FAILED" });
      stuck.resolve();
      await closed;
    });
  });
}
