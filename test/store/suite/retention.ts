import { describe, expect, onTestFinished, test } from "vitest";
import type { Entry } from "../../../src/model/entry.ts";
import type { Database } from "../../../src/store/database.ts";
import { openStore } from "../../../src/store/open.ts";
import type { Retention, Store } from "../../../src/store/store.ts";
import { batch, error, instanceEvent, log, START_MS, status } from "./samples.ts";
import type { Subject } from "./subject.ts";

const MINUTE_MS = 60_000;
const unbound: Retention = { maxAgeMs: null, maxRows: null, maxBytes: null };

/** A store whose clock the test turns. */
async function openAt(subject: Subject): Promise<{ store: Store; database: Database; clock: { nowMs: number } }> {
  const clock = { nowMs: START_MS };
  const database = await subject.open();
  const store = await openStore(database, { migrations: subject.migrations, now: () => clock.nowMs, momentMs: MINUTE_MS });
  onTestFinished(() => store.close());
  return { store, database, clock };
}

async function linesOf(store: Store, worker: string): Promise<readonly string[]> {
  return (await store.logs({ workers: [worker], limit: 10_000 })).items.map((line) => (line.kind === "log" ? line.text : "lost"));
}

async function rowsOf(store: Store, worker: string): Promise<{ rows: number; bytes: number } | undefined> {
  await store.putWorker(worker, { state: "linked" });
  return (await store.workers()).find((one) => one.worker === worker)?.logs;
}

function retain(store: Store, bounds: Partial<Retention>, nowMs = START_MS): Promise<number> {
  return store.retain({ ...unbound, ...bounds }, nowMs, AbortSignal.timeout(20_000));
}

/** Lines of two workers in turn, `each` of both. */
async function fill(store: Store, each: number): Promise<readonly Entry[]> {
  const lines = (from: string) => Array.from({ length: each }, (_, index) => log(index + 1, `${from} ${index + 1}`));
  const kept: Entry[] = [];
  for (let at = 0; at < each; at += 500) {
    for (const worker of ["alpha", "beta"])
      kept.push(...(await store.keep(batch(lines(worker).slice(at, at + 500), { worker, container: `${worker}-1` }))));
  }
  return kept;
}

export function describeRetention(subject: Subject): void {
  describe("retention", () => {
    test("without bounds nothing goes", async () => {
      const { store } = await openAt(subject);
      await fill(store, 10);
      expect(await retain(store, {})).toBe(0);
      expect(await rowsOf(store, "alpha")).toEqual({ rows: 10, bytes: 9 * "alpha 1".length + "alpha 10".length });
    });

    test("by rows: each worker keeps its newest, and readers are told up to where some may be missing", async () => {
      const { store } = await openAt(subject);
      const kept = await fill(store, 3000);
      await store.keep(batch([log(1, "gamma 1")], { worker: "gamma", container: "gamma-1" }));
      expect(await retain(store, { maxRows: 20 })).toBe(2 * 2980);
      const newest = (from: string) => Array.from({ length: 20 }, (_, index) => `${from} ${2981 + index}`);
      expect(await linesOf(store, "alpha")).toEqual(newest("alpha"));
      expect(await linesOf(store, "beta")).toEqual(newest("beta"));
      expect(await linesOf(store, "gamma")).toEqual(["gamma 1"]);
      expect(await rowsOf(store, "alpha")).toMatchObject({ rows: 20 });
      const last = kept.findLast((entry) => entry.worker === "alpha" && entry.seq === 2980);
      const page = await store.entries({ workers: ["alpha"] }, { after: 0, limit: 5 });
      expect(page.droppedUpTo).toBe(last?.position);
      expect((await store.entries({ workers: ["gamma"] }, { after: 0, limit: 5 })).droppedUpTo).toBe(0);
      expect((await store.entries({}, { after: 0, limit: 5 })).droppedUpTo).toBeGreaterThan(0);
      expect(await retain(store, { maxRows: 20 })).toBe(0);
    });

    test("by bytes of text", async () => {
      const { store } = await openAt(subject);
      await store.keep(batch(Array.from({ length: 10 }, (_, index) => log(index + 1, `é${String(index).repeat(98)}`))));
      expect(await rowsOf(store, "alpha")).toEqual({ rows: 10, bytes: 1000 });
      expect(await retain(store, { maxBytes: 350 })).toBe(7);
      expect(await rowsOf(store, "alpha")).toEqual({ rows: 3, bytes: 300 });
    });

    test("by age since it was taken in, whatever the sender's clock says", async () => {
      const { store, clock } = await openAt(subject);
      await store.keep(batch([log(1, "from the future", { atMs: START_MS * 2 }), error(2), instanceEvent(3, status("web"))]));
      clock.nowMs += 10 * MINUTE_MS;
      await store.append([
        {
          ...{ worker: null, container: null, instance: null, group: null, run: null },
          atMs: 0,
          event: { type: "trouble", why: "x" },
        },
      ]);
      clock.nowMs += 10 * MINUTE_MS;
      await store.keep(batch([log(4, "from the past", { atMs: 1 })]));
      clock.nowMs += MINUTE_MS;
      expect(await retain(store, { maxAgeMs: 60 * MINUTE_MS }, clock.nowMs)).toBe(0);
      expect(await retain(store, { maxAgeMs: 15 * MINUTE_MS }, clock.nowMs)).toBe(4);
      expect((await store.entries({}, { limit: 10 })).items.map(({ kind }) => kind)).toEqual(["event", "log"]);
      expect(await linesOf(store, "alpha")).toEqual(["from the past"]);
      clock.nowMs += 60 * MINUTE_MS;
      await store.keep(batch([log(5, "now")]));
      expect(await retain(store, { maxAgeMs: 15 * MINUTE_MS }, clock.nowMs)).toBe(2);
      expect(await linesOf(store, "alpha")).toEqual(["now"]);
    });

    test("bounds events and occurrences of errors by rows as well", async () => {
      const { store } = await openAt(subject);
      await store.keep(batch(Array.from({ length: 30 }, (_, index) => instanceEvent(index + 1, status("web")))));
      await store.keep(batch(Array.from({ length: 30 }, (_, index) => error(index + 31, { count: index + 1 }))));
      await store.keep(batch([log(61, "a line")]));
      expect(await retain(store, { maxRows: 5 })).toBe(50);
      expect((await store.entries({}, { limit: 100 })).items).toHaveLength(11);
      expect(await store.errors({ limit: 10 })).toMatchObject([{ count: 30 }]);
      const { droppedUpTo } = await store.entries({ workers: ["alpha"] }, { after: 0, limit: 1 });
      expect(droppedUpTo).toBe(55);
      // Its lines are not passed over for it.
      expect(await retain(store, { maxBytes: 1 })).toBe(1 + 5 + 5 + 1);
      expect(await linesOf(store, "alpha")).toEqual([]);
    });

    test("bounds events, errors and their groups by bytes", async () => {
      const { store } = await openAt(subject);
      const long = (index: number) => ({
        fingerprint: index.toString(16).padStart(16, "0"),
        lines: ["x".repeat(1000)],
        lastSeenMs: START_MS + index,
      });
      await store.keep(batch(Array.from({ length: 20 }, (_, index) => error(index + 1, long(index)))));
      await store.keep(batch(Array.from({ length: 20 }, (_, index) => instanceEvent(index + 21, status("web")))));
      const bytes = JSON.stringify((await store.errors({ limit: 1 }))[0]).length;
      expect(bytes).toBeGreaterThan(1000);
      const gone = await retain(store, { maxBytes: 5 * bytes });
      const { items } = await store.entries({}, { limit: 100 });
      const errors = items.filter(({ kind }) => kind === "error");
      const groups = await store.errors({ limit: 100 });
      expect([errors.length, groups.length]).toEqual([5, 5]);
      expect(errors.map((entry) => entry.seq)).toEqual([16, 17, 18, 19, 20]);
      expect(groups.map(({ lastSeenMs }) => lastSeenMs - START_MS)).toEqual([19, 18, 17, 16, 15]);
      expect(gone).toBe(40 + 20 - items.length - groups.length);
      expect((await store.entries({ workers: ["alpha"] }, { after: 0, limit: 1 })).droppedUpTo).toBeGreaterThanOrEqual(15);
    });

    test("bounds groups of errors by rows: those that were not seen for longest go", async () => {
      const { store } = await openAt(subject);
      const groups = Array.from({ length: 20 }, (_, index) =>
        error(index + 1, { fingerprint: index.toString(16).padStart(16, "0") }),
      );
      await store.keep(batch(groups));
      expect(await retain(store, { maxRows: 5 })).toBe(15 + 15);
      expect((await store.errors({ limit: 100 })).map(({ firstSeq }) => firstSeq).toSorted((a, b) => a - b)).toEqual([
        16, 17, 18, 19, 20,
      ]);
    });

    test("takes its words out of the index, also of lines that were not in it yet", async () => {
      const { store } = await openAt(subject);
      await fill(store, 50);
      await store.index(AbortSignal.timeout(20_000));
      await store.keep(batch(Array.from({ length: 10 }, (_, index) => log(51 + index, `alpha ${51 + index}`))));
      expect(await retain(store, { maxRows: 5 })).toBe(100);
      const found = async (search: string): Promise<number> => (await store.logs({ search, limit: 100 })).items.length;
      expect([await found("alpha"), await found("beta")]).toEqual([5, 5]);
      await store.index(AbortSignal.timeout(20_000));
      expect([await found("alpha"), await found("beta"), await found("56"), await found("12")]).toEqual([5, 5, 1, 0]);
    });

    test("gives no position twice, though all went", async () => {
      const { store, database, clock } = await openAt(subject);
      await fill(store, 10);
      const { position } = store;
      clock.nowMs += 2 * MINUTE_MS;
      expect(await retain(store, { maxAgeMs: MINUTE_MS }, clock.nowMs)).toBe(20);
      const next = await openStore(database, { migrations: subject.migrations });
      expect(next.position).toBeGreaterThanOrEqual(position);
    });

    test("tells of one worker's entries too that those which are too old are gone, were they lines or not", async () => {
      const { store, clock } = await openAt(subject);
      const [event] = await store.keep(batch([instanceEvent(1, status("web"))]));
      clock.nowMs += 10 * MINUTE_MS;
      await store.keep(batch([instanceEvent(2, status("web"))]));
      clock.nowMs += 10 * MINUTE_MS;
      await store.keep(batch([instanceEvent(3, status("web"))]));
      expect(await retain(store, { maxAgeMs: 15 * MINUTE_MS }, clock.nowMs)).toBe(1);
      const page = await store.entries({ workers: ["alpha"] }, { after: 0, limit: 5 });
      expect(page.items.map(({ position }) => position)).toEqual([2, 3]);
      expect(page.droppedUpTo).toBe(event?.position);
    });

    test("what lies between the lines of those that have too many is not gone through", async () => {
      const { store, database } = await openAt(subject);
      const put = (worker: string, from: number, count: number) =>
        store.keep(
          batch(
            Array.from({ length: count }, (_, index) => log(from + index, `${worker} ${from + index}`)),
            { worker, container: `${worker}-1` },
          ),
        );
      await put("early", 1, 1000);
      await fill(store, 1000);
      await put("late", 1, 1001);
      expect(await retain(store, { maxRows: 1000 })).toBe(1);
      await put("early", 1001, 1);
      await put("late", 1002, 1);
      // Steps are longer where there are no words to be taken out.
      await store.index(AbortSignal.timeout(20_000));
      let reads = 0;
      const counted = await openStore(
        {
          ...database,
          read(query) {
            if (query.sql.includes("octet_length(text)")) reads += 1;
            return database.read(query);
          },
        },
        { migrations: subject.migrations },
      );
      expect(await retain(counted, { maxRows: 1000 })).toBe(2);
      expect(reads).toBe(2);
      for (const worker of ["early", "alpha", "beta", "late"])
        expect(await rowsOf(counted, worker)).toMatchObject({ rows: 1000 });
      expect((await linesOf(counted, "early")).slice(0, 1)).toEqual(["early 2"]);
      expect((await linesOf(counted, "late")).slice(0, 1)).toEqual(["late 3"]);
    });

    test("gives no position twice that was told, though nothing got it", async () => {
      const { store, database } = await openAt(subject);
      await store.keep(batch([log(1, "a line")]));
      await store.keep(batch([log(1, "a line")]));
      const next = await openStore(database, { migrations: subject.migrations });
      expect([store.position, next.position]).toEqual([2, 2]);
    });

    test("stops when it is told to", async () => {
      const { store } = await openAt(subject);
      await fill(store, 100);
      expect(await store.retain({ ...unbound, maxRows: 1 }, START_MS, AbortSignal.abort())).toBe(0);
    });
  });
}
