import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Entry } from "../../../src/model/entry.ts";
import type { WorkerRecord } from "../../../src/model/record.ts";
import { openStore } from "../../../src/store/open.ts";
import type { Store } from "../../../src/store/store.ts";
import { batch, bootA, bootB, error, instanceEvent, log, lost, START_MS, status } from "./samples.ts";
import { openSubject, type Subject } from "./subject.ts";

const seqs = (entries: readonly Entry[]): readonly (number | null)[] => entries.map(({ seq }) => seq);
const lines = (from: number, to: number): WorkerRecord[] =>
  Array.from({ length: to - from + 1 }, (_, index) => log(from + index, `line ${from + index}`));

async function states(store: Store): Promise<readonly string[]> {
  return (await store.processes({})).map((process) => `${process.instance} ${process.status.state}`).sort();
}

const removed = (seq: number, instance: string): WorkerRecord => {
  return { kind: "event", seq, atMs: START_MS + seq, instance, event: { type: "removed" } };
};

export function describeTakingIn(subject: Subject): void {
  describe("taking in", () => {
    test("gives what is new, with positions that grow, and tells it once it can be read", async () => {
      const { store } = await openSubject(subject);
      const told: Entry[] = [];
      const end = store.listen((entries) => void told.push(...entries));
      const first = await store.keep(batch(lines(1, 3)));
      const again = await store.keep(batch(lines(2, 5)));
      expect([seqs(first), seqs(again)]).toEqual([
        [1, 2, 3],
        [4, 5],
      ]);
      expect(await store.keep(batch(lines(1, 5)))).toEqual([]);
      expect(told).toEqual([...first, ...again]);
      const positions = told.map(({ position }) => position);
      expect(positions).toEqual(positions.toSorted((a, b) => a - b));
      expect(new Set(positions).size).toBe(5);
      expect(store.position).toBeGreaterThanOrEqual(positions.at(-1) ?? 0);
      expect((await store.logs({ limit: 100 })).items).toEqual(told);
      end();
      await store.keep(batch(lines(6, 6)));
      expect(told).toHaveLength(5);
    });

    test("takes each record in once, however batches overlap and whoever sends them at the same time", async () => {
      const { store } = await openSubject(subject);
      const told: Entry[] = [];
      store.listen((entries) => void told.push(...entries));
      let boot = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 }), async (ends) => {
          boot += 1;
          const bootID = boot.toString(16).padStart(32, "0");
          let reached = 0;
          const keeping = ends.map((end) => {
            // From somewhere before what came last, never leaving one out.
            const from = Math.max(1, reached - (end % 7));
            const to = Math.max(from, Math.min(end, reached + 20));
            reached = Math.max(reached, to);
            return store.keep(batch(lines(from, to), { bootID }));
          });
          const kept = (await Promise.all(keeping)).flat();
          const expected = Array.from({ length: reached }, (_, index) => index + 1);
          expect(seqs(kept)).toEqual(expected);
          expect(seqs(told.filter((entry) => "bootID" in entry && entry.bootID === bootID))).toEqual(expected);
          const page = await store.logs({ bootID, limit: 1000 });
          expect(seqs(page.items)).toEqual(expected);
        }),
        { numRuns: 20, seed: 6 },
      );
    });

    test("knows how far each boot is kept, the newest boots first", async () => {
      const { store } = await openSubject(subject);
      expect(await store.have("alpha", "alpha-1")).toEqual([]);
      await store.keep(batch(lines(1, 3)));
      await store.keep(batch(lines(1, 2), { bootID: bootB }));
      await store.keep(batch([lost(9)], { container: "alpha-2" }));
      const have = await store.have("alpha", "alpha-1");
      expect(have.toSorted((a, b) => a.bootID.localeCompare(b.bootID))).toEqual([
        { bootID: bootA, seq: 3 },
        { bootID: bootB, seq: 2 },
      ]);
      expect(await store.have("alpha", "alpha-2")).toEqual([{ bootID: bootA, seq: 9 }]);
    });

    test("counts its positions on when it is opened anew", async () => {
      const database = await subject.open();
      const before = await openStore(database, { migrations: subject.migrations });
      await before.keep(batch(lines(1, 3)));
      const { position } = before;
      // The database stays open, as D1 does: only its store is another.
      const { store } = await openSubject({ ...subject, open: async () => database });
      expect(store.position).toBeGreaterThanOrEqual(position);
      const [entry] = await store.keep(batch(lines(4, 4)));
      expect(entry?.position).toBeGreaterThan(position);
    });

    test("keeps a batch of more bytes than one parameter takes, and every character", async () => {
      const { store } = await openSubject(subject);
      const texts = ["\u0000\u0001 control", "🦀 é 漢", '"quotes" \\ and \n newlines', "x".repeat(65_536), "\u{10FFFF}", ""];
      const records = Array.from({ length: 60 }, (_, index) => log(index + 1, texts[index % texts.length] ?? ""));
      const kept = await store.keep(batch(records));
      expect((await store.logs({ limit: 100 })).items).toEqual(kept);
    });

    test("takes in events of the house, beside those of workers, in one order", async () => {
      const { store } = await openSubject(subject);
      const from = { worker: null, container: null, instance: null, group: "family", run: "run-1", atMs: START_MS };
      const [first] = await store.append([{ ...from, event: { type: "run", what: "begun", outcome: null, why: "a message" } }]);
      const [second] = await store.keep(batch([instanceEvent(1, status("web"))]));
      const [third] = await store.append([{ ...from, event: { type: "trouble", why: "none" } }]);
      expect((await store.entries({}, { limit: 10 })).items).toEqual([first, second, third]);
      expect((await store.entries({ groups: ["family"] }, { limit: 10 })).items).toEqual([first, third]);
    });

    test("cuts the lines of an error that is larger than one row may be", async () => {
      const { store } = await openSubject(subject);
      const [kept] = await store.keep(batch([error(1, { lines: Array.from({ length: 200 }, () => "y".repeat(8192)) })]));
      expect((await store.entries({}, { limit: 1 })).items).toEqual([kept]);
      expect(kept?.kind === "error" && kept.error.lines.length).toBe(25);
    });
  });

  describe("instances", () => {
    test("follow from their events, and from what a hello tells", async () => {
      const { store } = await openSubject(subject);
      await store.keep(batch([instanceEvent(1, status("web", { state: "starting" })), instanceEvent(2, status("job"))]));
      expect(await states(store)).toEqual(["job running", "web starting"]);
      await store.keep(batch([instanceEvent(3, status("web")), removed(4, "job"), removed(5, "never told")]));
      expect(await states(store)).toEqual(["web running"]);
      const asOf = { bootID: bootA, lastSeq: 5, atMs: START_MS };
      await store.putProcesses("alpha", "alpha-1", asOf, [status("api"), status("web", { state: "crashed" })]);
      expect(await states(store)).toEqual(["api running", "web crashed"]);
      await store.keep(batch([instanceEvent(6, status("job"))]));
      await store.putProcesses("alpha", "alpha-1", { ...asOf, lastSeq: 6 }, []);
      expect(await states(store)).toEqual([]);
    });

    test("are as the hello says, whatever came before it and arrives later, and whatever its clock says", async () => {
      const { store } = await openSubject(subject);
      const asOf = { bootID: bootA, lastSeq: 10, atMs: START_MS + 1_000_000 };
      await store.putProcesses("alpha", "alpha-1", asOf, [status("web", { state: "stopped" })]);
      await store.keep(batch([instanceEvent(9, status("web")), instanceEvent(10, status("web", { state: "stopping" }))]));
      expect(await states(store)).toEqual(["web stopped"]);
      await store.keep(batch([instanceEvent(3, status("web"))], { bootID: bootB }));
      expect(await states(store)).toEqual(["web stopped"]);
      await store.keep(batch([instanceEvent(11, status("web", { state: "starting" }))]));
      expect(await states(store)).toEqual(["web starting"]);
      // A hello that was overtaken.
      await store.putProcesses("alpha", "alpha-1", asOf, []);
      expect(await states(store)).toEqual(["web starting"]);
    });
  });

  describe("groups of errors", () => {
    test("go on counting over boots, and count nothing twice", async () => {
      const { store } = await openSubject(subject);
      const count = async (): Promise<number | undefined> => (await store.errors({ limit: 10 }))[0]?.count;
      await store.keep(batch([error(1, { count: 1 }), error(2, { count: 5 })]));
      expect(await count()).toBe(5);
      await store.keep(batch([error(2, { count: 5 }), error(3, { count: 7 })]));
      expect(await count()).toBe(7);
      await store.keep(batch([error(1, { count: 2, message: "y is not a function" })], { bootID: bootB }));
      expect(await count()).toBe(9);
      expect(await store.errors({ limit: 10 })).toMatchObject([{ message: "y is not a function", worker: "alpha" }]);
      const of = { worker: "alpha", instance: "web", fingerprint: "0123456789abcdef" };
      expect((await store.occurrences(of, { limit: 10 })).items.map((one) => one.count)).toEqual([1, 5, 7, 2]);
    });
  });
}
