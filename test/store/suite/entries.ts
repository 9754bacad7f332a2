import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Entry, EntryFilter, HouseEvent, NewEvent } from "../../../src/model/entry.ts";
import { sieveOf } from "../../../src/orchestrator/feed/sieve.ts";
import type { Store } from "../../../src/store/store.ts";
import { batch, bootB, error, instanceEvent, log, lost, START_MS, status } from "./samples.ts";
import { openSubject, type Subject } from "./subject.ts";

function house(event: HouseEvent, over: Partial<NewEvent> = {}): NewEvent {
  return { atMs: START_MS, worker: null, container: null, instance: null, group: null, run: null, event, ...over };
}

/** Of every kind some, in one order. */
async function fill(store: Store): Promise<readonly Entry[]> {
  const kept: Entry[] = [];
  kept.push(...(await store.keep(batch([log(1, "one"), instanceEvent(2, status("web")), log(3, "two", { level: "error" })]))));
  kept.push(
    ...(await store.append([
      house({ type: "trouble", why: "no reason" }),
      house({ type: "run", what: "begun", outcome: null, why: "" }, { group: "family", run: "run-1" }),
    ])),
  );
  kept.push(
    ...(await store.keep(
      batch([error(1), lost(2), log(3, "three", { instance: null })], { worker: "beta", container: "beta-1", bootID: bootB }),
    )),
  );
  kept.push(
    ...(await store.append([
      house({ type: "worker", state: "lost", why: "it is silent" }, { worker: "beta", container: "beta-1" }),
    ])),
  );
  kept.push(...(await store.keep(batch([log(4, "four", { stream: "stderr", instance: "job", level: "warn" }), error(5)]))));
  return kept;
}

/** As those who follow live have it: from the store they are to get the same. */
function takes(filter: EntryFilter, entry: Entry): boolean {
  const sieve = sieveOf(filter);
  return sieve.takesSource(entry.worker, entry.container) && sieve.takes(entry);
}

const some = <Value>(...values: readonly Value[]): fc.Arbitrary<Value[] | undefined> =>
  fc.option(fc.subarray([...values], { minLength: 1 }), { nil: undefined, freq: 2 });

const filters: fc.Arbitrary<EntryFilter> = fc
  .record({
    kinds: some("log", "error", "lost", "event"),
    workers: some("alpha", "beta", "nobody"),
    containers: some("alpha-1", "beta-1"),
    instances: some("web", "job", "none"),
    groups: some("family", "others"),
    runs: some("run-1", "run-2"),
    levels: some("error", "warn", "info"),
    streams: some("stdout", "stderr"),
  })
  .map((asked) => Object.fromEntries(Object.entries(asked).filter(([, values]) => values !== undefined)));

export function describeEntries(subject: Subject): void {
  describe("entries", () => {
    test("gives all kinds in the order in which they were taken in", async () => {
      const { store } = await openSubject(subject);
      const kept = await fill(store);
      const page = await store.entries({}, { limit: 100 });
      expect(page).toEqual({ items: kept, first: kept[0]?.position, last: store.position, more: false, droppedUpTo: 0 });
      expect(await store.entries({}, { limit: 100, after: store.position })).toEqual({
        items: [],
        first: null,
        last: null,
        more: false,
        droppedUpTo: 0,
      });
    });

    test("goes on after a position and back before one, without gap or double", async () => {
      const { store } = await openSubject(subject);
      const kept = await fill(store);
      const forwards: Entry[] = [];
      for (let after = 0, more = true; more;) {
        const page = await store.entries({}, { limit: 3, after });
        forwards.push(...page.items);
        ({ more } = page);
        after = page.last ?? after;
      }
      expect(forwards).toEqual(kept);
      const backwards: Entry[] = [];
      for (let before = store.position + 1, more = true; more;) {
        const page = await store.entries({}, { limit: 3, before });
        backwards.unshift(...page.items);
        ({ more } = page);
        before = page.first ?? before;
      }
      expect(backwards).toEqual(kept);
    });

    test("takes what each filter means, in the index or not", async () => {
      const { store } = await openSubject(subject);
      const kept = await fill(store);
      const ask = async (): Promise<void> => {
        for (const filter of fc.sample(filters, { numRuns: 80, seed: 6 })) {
          const expected = kept.filter((entry) => takes(filter, entry));
          expect({ filter, items: (await store.entries(filter, { limit: 100 })).items }).toEqual({ filter, items: expected });
          const [first] = (await store.entries(filter, { limit: 1, after: 0 })).items;
          expect({ filter, first }).toEqual({ filter, first: expected[0] });
        }
      };
      await ask();
      await store.index(AbortSignal.timeout(10_000));
      await ask();
    });
  });
}
