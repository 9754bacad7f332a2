import { describe, expect, test } from "vitest";
import { batch, bootA, bootB, error, START_MS } from "./samples.ts";
import { openSubject, type Subject } from "./subject.ts";

const other = "f".repeat(16);

export function describeErrors(subject: Subject): void {
  describe("errors", () => {
    test("gives groups of each worker, those that were seen last first, and takes what was asked for", async () => {
      const { store } = await openSubject(subject);
      await store.keep(
        batch([error(1), error(2, { fingerprint: other, category: "network", severity: "fatal", instance: "job" })]),
      );
      await store.keep(batch([error(9)], { worker: "beta", container: "beta-1", bootID: bootB }));
      const seen = async (query: object): Promise<readonly (readonly [string, string])[]> =>
        (await store.errors({ limit: 10, ...query })).map(({ worker, fingerprint }) => [worker, fingerprint]);
      const same = "0123456789abcdef";
      expect(await seen({})).toEqual([
        ["beta", same],
        ["alpha", other],
        ["alpha", same],
      ]);
      expect(await seen({ limit: 1 })).toEqual([["beta", same]]);
      expect(await seen({ workers: ["alpha"], instances: ["web"] })).toEqual([["alpha", same]]);
      expect(await seen({ containers: ["beta-1"] })).toEqual([["beta", same]]);
      expect(await seen({ categories: ["network", "memory"] })).toEqual([["alpha", other]]);
      expect(await seen({ severities: ["error"] })).toEqual([
        ["beta", same],
        ["alpha", same],
      ]);
      expect(await seen({ fingerprint: other })).toEqual([["alpha", other]]);
      expect(await seen({ sinceMs: START_MS + 3 })).toEqual([["beta", same]]);
      expect(await seen({ untilMs: START_MS + 1 })).toEqual([["alpha", same]]);
      expect(await store.errors({ limit: 1, fingerprint: other })).toEqual([
        {
          ...error(2, { fingerprint: other, category: "network", severity: "fatal", instance: "job" }).group,
          worker: "alpha",
          container: "alpha-1",
        },
      ]);
    });

    test("gives the times that one was seen, page by page", async () => {
      const { store } = await openSubject(subject);
      const records = Array.from({ length: 5 }, (_, index) =>
        error(index + 1, { count: index + 1, message: `time ${index + 1}` }),
      );
      await store.keep(batch([...records, error(6, { fingerprint: other })]));
      const of = { worker: "alpha", instance: "web", fingerprint: "0123456789abcdef" };
      const newest = await store.occurrences(of, { limit: 2 });
      expect(newest).toMatchObject({ more: true, items: [{ seq: 4 }, { seq: 5 }] });
      expect(newest.items[1]).toEqual({
        position: newest.last,
        atMs: START_MS + 5,
        worker: "alpha",
        container: "alpha-1",
        bootID: bootA,
        seq: 5,
        instance: "web",
        fingerprint: "0123456789abcdef",
        count: 5,
        message: "time 5",
        lines: records[4]?.group.lines,
        before: ["starting"],
      });
      expect(await store.occurrences({ ...of, container: "alpha-1" }, { limit: 9, before: newest.first ?? 0 })).toMatchObject({
        more: false,
        items: [{ seq: 1 }, { seq: 2 }, { seq: 3 }],
      });
      expect(await store.occurrences({ ...of, container: "alpha-2" }, { limit: 9 })).toMatchObject({ items: [], more: false });
    });
  });
}
