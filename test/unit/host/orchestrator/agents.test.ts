import { appendFile, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "kysely";
import { expect, onTestFinished, test, vi } from "vitest";
import { changeGroups } from "../../../../src/agents/groups/registry.ts";
import type { Home } from "../../../../src/agents/home/home.ts";
import type { QueueEvent } from "../../../../src/agents/queue/events.ts";
import { KEPT_RECORDS, writeRecord } from "../../../../src/agents/run/records.ts";
import { AgentsReport } from "../../../../src/host/orchestrator/agents.ts";
import { takeAuditLines } from "../../../../src/host/orchestrator/audit-lines.ts";
import { recordChange } from "../../../../src/host/modules/audit.ts";
import type { Entry } from "../../../../src/model/entry.ts";
import { NovaError } from "../../../../src/model/errors.ts";
import type { OutgoingMessage } from "../../../../src/model/message.ts";
import { openStore } from "../../../../src/store/open.ts";
import { openDatabase } from "../../../../src/store/sqlite/database.ts";
import { readMigrations } from "../../../../src/store/sqlite/migration-files.ts";
import type { Store } from "../../../../src/store/store.ts";
import { build } from "../../../../src/store/tables.ts";
import { temporaryHome } from "../../../fixtures/home.ts";
import { openHouseStore, silent } from "../../../fixtures/kept-house.ts";
import { runRecord } from "../../../fixtures/run-record.ts";

/** For what is looked at every second or so, on a machine that is busy. */
const wait = { timeout: 20_000 };

async function report(home: Home, store: Store): Promise<AgentsReport> {
  const opened = await AgentsReport.open({ home, store, logger: silent, engine: null });
  let closing: Promise<void> | undefined;
  const close = opened.close.bind(opened);
  opened.close = async () => await (closing ??= close());
  onTestFinished(async () => await opened.close());
  return opened;
}

const arrived = (id: string): QueueEvent => ({
  kind: "arrived",
  group: "family",
  message: { id, chatJid: "local:family", sender: "Ann", text: `text of ${id}`, timestamp: "2026-11-21T10:00:00Z" },
});
const settled = (changes: Partial<Extract<QueueEvent, { kind: "settled" }>>): QueueEvent => ({
  ...{ kind: "settled", group: "family", run: "a1b2c3", outcome: "success", durationMs: 5, reason: null },
  ...{ messages: [], chatJid: "local:family", failures: [], retryMs: null },
  ...changes,
});
const outgoing: OutgoingMessage = {
  ...{ id: "o1", chatJid: "local:family", text: "42", kind: "answer", group: "family", run: "a1b2c3" },
  createdAt: "2026-11-21T10:00:02.000Z",
};

test("what the queue tells is found as messages with their states, and as events in their order", async () => {
  const home = await temporaryHome();
  const { store, events } = await openHouseStore(home);
  const reports = await report(home, store);
  for (const id of ["m1", "m2", "m3"]) reports.take(arrived(id));
  reports.take({ kind: "begun", group: "family", messages: 3, task: null });
  reports.take({ kind: "unsent", message: outgoing, reason: "no way", retryMs: 10 });
  reports.take({ kind: "sent", message: outgoing });
  const failure = {
    group: "family",
    chatJid: "local:family",
    kind: "message",
    outcome: "failed",
    reason: "no",
    run: null,
    at: "",
  };
  reports.take(settled({ messages: ["m1", "m2"], failures: [{ ...failure, id: "m2" } as never] }));
  reports.take({ kind: "trouble", reason: "the disk is full" });
  await reports.close();
  const { items } = await store.messages({ limit: 10 });
  expect(items.map(({ id, direction, state, run, sender }) => [id, direction, state, run, sender])).toEqual([
    ["m1", "in", "answered", "a1b2c3", "Ann"],
    ["m2", "in", "given up", "a1b2c3", "Ann"],
    ["m3", "in", "waiting", null, "Ann"],
    ["o1", "out", "sent", "a1b2c3", "family"],
  ]);
  expect(events().map((event) => ("what" in event ? `${event.type} ${event.what}` : event.type))).toEqual([
    "message arrived",
    "message arrived",
    "message arrived",
    "run begun",
    "message unsent",
    "message sent",
    "trouble",
  ]);
});

test("a message that waited when the process was killed is answered by the run's record", async () => {
  const home = await temporaryHome();
  const { store } = await openHouseStore(home);
  const before = await report(home, store);
  before.take(arrived("m1"));
  await before.close();
  await writeRecord(home, runRecord("0a0b0c", { messages: ["m1"] }));
  await (await report(home, store)).close();
  expect((await store.messages({ limit: 10 })).items).toMatchObject([{ id: "m1", state: "answered", run: "0a0b0c" }]);
});

test("runs that were there are taken over in silence, and each that comes is told with what it was denied, once", async () => {
  const home = await temporaryHome();
  await mkdir(home.host, { recursive: true });
  await writeRecord(home, runRecord("000001"));
  const { store, entries } = await openHouseStore(home);
  const first = await report(home, store);
  await vi.waitFor(async () => expect((await store.runs({ limit: 10 })).items.map(({ id }) => id)).toEqual(["000001"]), wait);
  expect(entries).toEqual([]);
  const denied = [{ target: "evil.example:443", reason: "not on the list", count: 2 }];
  // As `novabot run` in another process writes it.
  await writeRecord(
    home,
    runRecord("000002", { startedAt: "2026-11-21T10:05:00.000Z", denied, outcome: "agent error", error: "no" }),
  );
  await vi.waitFor(() => expect(entries).toHaveLength(2), wait);
  expect(entries).toMatchObject([
    { group: "family", run: "000002", event: { type: "denied", target: "evil.example:443", count: 2 } },
    { group: "family", run: "000002", event: { type: "run", what: "settled", outcome: "agent error", why: "no" } },
  ]);
  await first.close();

  await writeRecord(home, runRecord("000003", { startedAt: "2026-11-21T10:06:00.000Z" }));
  await (await report(home, store)).close();
  const runs = (await store.runs({ limit: 10 })).items.map(({ id }) => id);
  expect(runs.toSorted()).toEqual(["000001", "000002", "000003"]);
  expect(entries.map(({ run }) => run)).toEqual(["000002", "000002", "000003"]);
});

test("a run whose row lies before as many others as files are kept is not told again at the next start", async () => {
  const home = await temporaryHome();
  const { store, entries } = await openHouseStore(home);
  const long = runRecord("0fffff", { startedAt: "2026-11-21T10:00:00.000Z" });
  await store.append([], { runs: [long] });
  const older = Array.from({ length: KEPT_RECORDS }, (_, index) =>
    runRecord(String(index).padStart(6, "0"), { startedAt: "2026-11-20T10:00:00.000Z" }),
  );
  await store.append([], { runs: older });
  await mkdir(home.host, { recursive: true });
  await writeRecord(home, long);
  await (await report(home, store)).close();
  expect(entries).toEqual([]);
});

test("what waits goes into the store also where another step of the end fails", async () => {
  const home = await temporaryHome();
  const { store } = await openHouseStore(home);
  const reports = await AgentsReport.open({ home, store, logger: silent, engine: null });
  const runs = join(home.host, "runs");
  await rm(runs, { recursive: true });
  await writeFile(runs, "no directory");
  reports.take(arrived("m1"));
  await expect(reports.close()).rejects.toThrow("where a directory is expected");
  expect((await store.messages({ limit: 10 })).items).toMatchObject([{ id: "m1" }]);
});

test("a run whose events were cut off is told whole at the next start, with the message that it answered", async () => {
  const home = await temporaryHome();
  const database = await openDatabase({ file: join(home.root, "store", "orchestrator.db") });
  let cutsOff = false;
  const cut: typeof database = {
    ...database,
    // As a process that is killed before the first event.
    atomic: (queries) =>
      database.atomic(
        queries.flatMap((query) =>
          cutsOff && query.sql.includes("house_events") ? [sql`select nothing from nowhere`.compile(build), query] : [query],
        ),
      ),
  };
  const store = await openStore(cut, { migrations: await readMigrations() });
  onTestFinished(async () => await store.close());
  const told: Entry[] = [];
  store.listen((entries) => void told.push(...entries));
  const before = await report(home, store);
  before.take(arrived("m1"));
  await vi.waitFor(() => expect(told).toHaveLength(1), wait);
  cutsOff = true;
  const denied = [{ target: "evil.example:443", reason: "not on the list", count: 2 }];
  await writeRecord(home, runRecord("000001", { messages: ["m1"], denied }));
  await before.close();
  cutsOff = false;
  expect((await store.runs({ limit: 10 })).items).toEqual([]);
  await (await report(home, store)).close();
  await (await report(home, store)).close();
  expect(told.slice(1)).toMatchObject([
    { run: "000001", event: { type: "denied" } },
    { run: "000001", event: { type: "run", what: "settled" } },
  ]);
  expect((await store.runs({ limit: 10 })).items).toMatchObject([{ id: "000001" }]);
  expect((await store.messages({ limit: 10 })).items).toMatchObject([{ id: "m1", state: "answered", run: "000001" }]);
});

test("groups are those of the registry, whenever that changes", async () => {
  const home = await temporaryHome();
  const { store } = await openHouseStore(home);
  await changeGroups(home, () => [{ jid: "local:a", name: "A", folder: "a", isMain: false, agent: "demo" }]);
  await report(home, store);
  await vi.waitFor(
    async () => expect(await store.groups()).toMatchObject([{ folder: "a", agent: "demo", network: "egress" }]),
    wait,
  );
  await changeGroups(home, (known) => [
    ...known,
    { jid: "local:b", name: "B", folder: "b", isMain: false, containerConfig: { network: "none" } },
  ]);
  await vi.waitFor(
    async () =>
      expect((await store.groups()).map(({ folder, network }) => [folder, network])).toEqual([
        ["a", "egress"],
        ["b", "none"],
      ]),
    wait,
  );
});

test("while the store takes nothing what happens waits, and then goes in once and in its order", async () => {
  const home = await temporaryHome();
  const { store, events } = await openHouseStore(home);
  let isFull = true;
  let tries = 0;
  const failing = new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (name === "append" && isFull)
        return () => {
          tries += 1;
          return Promise.reject(new NovaError("STORE_FULL", "no room"));
        };
      return value.bind(target) as unknown;
    },
  });
  const reports = await report(home, failing);
  for (const id of ["m1", "m2"]) reports.take(arrived(id));
  await vi.waitFor(() => expect(tries).toBeGreaterThan(0), wait);
  reports.take(arrived("m3"));
  expect(events()).toEqual([]);
  isFull = false;
  await vi.waitFor(() => expect(events()).toHaveLength(3), wait);
  expect(events().map((event) => event.type === "message" && event.message)).toEqual(["m1", "m2", "m3"]);
  expect((await store.messages({ limit: 10 })).items).toHaveLength(3);
});

test("lines of the commands' audit file are in the table once, also after a start anew and with a line cut short", async () => {
  const home = await temporaryHome();
  await mkdir(home.host, { recursive: true });
  const { store } = await openHouseStore(home);
  await recordChange(home, { what: "up", module: "docs", result: "begun" });
  await appendFile(join(home.host, "audit.jsonl"), "no line of ours\n");
  await recordChange(home, { what: "up", module: "docs", result: "failed, brought back", because: ["user"] });
  await (
    await takeAuditLines(home, store, silent)
  )();
  await recordChange(home, { what: "down", module: "docs", result: "down" });
  await appendFile(join(home.host, "audit.jsonl"), '{"at":"2026-');
  await (
    await takeAuditLines(home, store, silent)
  )();
  const { items } = await store.audit({ limit: 10 });
  expect(items.map(({ door, what, subject, result }) => [door, what, subject, result])).toEqual([
    ["command", "modules.up", "docs", "begun"],
    ["command", "modules.up", "docs", "failed, brought back"],
    ["command", "modules.down", "docs", "down"],
  ]);
  expect(items[1]?.facts).toMatchObject({ because: ["user"], pid: process.pid });
});

test("lines of an audit file that was begun anew are in the table once, though they end before those that were taken away", async () => {
  const home = await temporaryHome();
  await mkdir(home.host, { recursive: true });
  const { store } = await openHouseStore(home);
  const takeOnce = async (): Promise<void> => await (await takeAuditLines(home, store, silent))();
  for (const result of ["begun", "up", "begun", "up"]) await recordChange(home, { what: "up", module: "docs", result });
  await takeOnce();
  await rename(join(home.host, "audit.jsonl"), join(home.host, "audit-before.jsonl"));
  await recordChange(home, { what: "down", module: "docs", result: "down" });
  await takeOnce();
  await takeOnce();
  await recordChange(home, { what: "restart", module: "docs", result: "up" });
  await takeOnce();
  const { items } = await store.audit({ limit: 10 });
  expect(items.map(({ what }) => what.slice("modules.".length))).toEqual(["up", "up", "up", "up", "down", "restart"]);
});
