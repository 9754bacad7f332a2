import { mkdir } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import type { Home } from "../../../../src/agents/home/home.ts";
import { writeRecord } from "../../../../src/agents/run/records.ts";
import { recordChange } from "../../../../src/host/modules/audit.ts";
import { takeAuditLines } from "../../../../src/host/orchestrator/audit-lines.ts";
import { takeRunRecords } from "../../../../src/host/orchestrator/run-records.ts";
import { ToldToStore } from "../../../../src/host/orchestrator/told-to-store.ts";
import type { HistoryBounds, Store } from "../../../../src/store/store.ts";
import { temporaryHome } from "../../../fixtures/home.ts";
import { openHouseStore, silent } from "../../../fixtures/kept-house.ts";
import { runRecord } from "../../../fixtures/run-record.ts";

const unbound = { maxAgeMs: null, maxRows: null };
const retain = (store: Store, bounds: Partial<Record<"runs" | "audit", HistoryBounds>>, nowMs = Date.now()): Promise<number> =>
  store.retainHistory(
    { ...{ runs: unbound, messages: unbound, audit: unbound, terminals: unbound }, ...bounds },
    nowMs,
    AbortSignal.timeout(20_000),
  );

/** What one process of the home takes over between its start and its end. */
async function takeRuns(home: Home, store: Store): Promise<readonly string[]> {
  const into = new ToldToStore(store, silent);
  onTestFinished(async () => await into.close());
  const found: string[] = [];
  const end = await takeRunRecords({ home, store, into, logger: silent, onNew: ({ id }) => void found.push(id) });
  await end();
  await into.close();
  return found;
}

test("runs that retention took out do not come back from their files, nor is anything told of them", async () => {
  const home = await temporaryHome();
  await mkdir(home.host, { recursive: true });
  const { store, events } = await openHouseStore(home);
  const runs = async (): Promise<readonly string[]> => (await store.runs({ limit: 10 })).items.map(({ id }) => id);
  for (const [id, hour] of [
    ["one", 10],
    ["two", 11],
    ["three", 12],
  ] as const)
    await writeRecord(home, runRecord(id, { startedAt: `2025-11-21T${hour}:00:00.000Z` }));
  expect(await takeRuns(home, store)).toEqual(["one", "two", "three"]);
  expect(await retain(store, { runs: { ...unbound, maxRows: 1 } })).toBe(2);
  expect(await takeRuns(home, store)).toEqual([]);
  expect(await runs()).toEqual(["three"]);
  const told = events().length;
  // A store whose runs went all is not new either: what it missed is told as it happened.
  expect(await retain(store, { runs: { ...unbound, maxAgeMs: 1 } }, Date.now() + 10_000)).toBe(1);
  await writeRecord(home, runRecord("four", { startedAt: "2025-11-21T13:00:00.000Z" }));
  expect(await takeRuns(home, store)).toEqual(["four"]);
  expect(await runs()).toEqual(["four"]);
  expect(events().slice(told)).toMatchObject([{ type: "run", what: "settled" }]);
});

test("audit rows that retention took out do not come back from the commands' file", async () => {
  const home = await temporaryHome();
  await mkdir(home.host, { recursive: true });
  const { store } = await openHouseStore(home);
  const takeOnce = async (): Promise<void> => await (await takeAuditLines(home, store, silent))();
  for (const what of ["up", "down"] as const) await recordChange(home, { what, module: "docs", result: what });
  await takeOnce();
  expect(await retain(store, { audit: { ...unbound, maxAgeMs: 1 } }, Date.now() + 10_000)).toBe(2);
  await takeOnce();
  expect((await store.audit({ limit: 10 })).items).toEqual([]);
  await recordChange(home, { what: "restart", module: "docs", result: "up" });
  await takeOnce();
  expect((await store.audit({ limit: 10 })).items.map(({ what }) => what)).toEqual(["modules.restart"]);
});
