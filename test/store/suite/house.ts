import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import type { AuditRow, MessageView, ModuleView, TerminalSession } from "../../../src/model/kept.ts";
import type { ScheduledTask } from "../../../src/model/task.ts";
import { build } from "../../../src/store/tables.ts";
import { costlyRun, START_MS } from "./samples.ts";
import { openSubject, type Subject } from "./subject.ts";

const session: TerminalSession = {
  id: "t-1",
  worker: "alpha",
  container: null,
  session: null,
  instance: null,
  who: "local",
  readonly: false,
  openedAtMs: START_MS,
  endedAtMs: null,
  why: null,
  bytesIn: 0,
  bytesOut: 0,
  recorded: false,
};

const message: Omit<MessageView, "position"> = {
  id: "m-1",
  direction: "in",
  chatJid: "family@local",
  group: null,
  run: null,
  sender: "Ann",
  kind: "text",
  text: 'Say "hello" 🦀',
  atMs: START_MS,
  state: "waiting",
};

const task: ScheduledTask = {
  id: "task-1",
  group: "family",
  prompt: "look",
  schedule: { type: "interval", value: 60_000 },
  session: "group",
  guard: null,
  status: "active",
  createdBy: "owner",
  createdAt: "2026-11-21T10:00:00.000Z",
  nextAt: "2026-11-21T12:00:00.000Z",
  sessionId: null,
  runs: 0,
  last: null,
};

const audited: Omit<AuditRow, "position"> = {
  atMs: START_MS,
  who: "local",
  door: "api",
  what: "process.stop",
  worker: "alpha",
  container: "alpha-1",
  subject: "web",
  result: "done",
  facts: { graceMs: 5, nested: { list: [1] } },
};

const group = { folder: "family", name: "Family", jid: "family@local", isMain: false, agent: "claude", network: "egress" };

export function describeHouse(subject: Subject): void {
  describe("what is kept of the house", () => {
    test("terminals, from their opening to their end", async () => {
      const { store } = await openSubject(subject);
      await store.putTerminal({ ...session, recording: null });
      await store.putTerminal({ ...session, id: "t-2", worker: "beta", readonly: true, recording: null });
      const grown = { ...session, container: "alpha-1", session: "s", instance: "web", bytesIn: 3, bytesOut: 9 };
      await store.putTerminal({ ...grown, recording: "t-1.cast" });
      expect((await store.terminals({ limit: 9 })).items).toEqual([
        { ...grown, recorded: true },
        { ...session, id: "t-2", worker: "beta", readonly: true },
      ]);
      expect(await store.recordingOf("t-1")).toBe("t-1.cast");
      expect(await store.recordingOf("t-2")).toBe(null);
      expect(await store.recordingOf("none")).toBe(null);
      const last = await store.terminals({ limit: 1 });
      expect(last).toMatchObject({ more: true, items: [{ id: "t-2" }] });
      expect(await store.terminals({ limit: 1, before: last.first ?? 0 })).toMatchObject({ more: false, items: [{ id: "t-1" }] });
      await store.putTerminal({ ...grown, endedAtMs: 5, why: "closed", recording: "t-1.cast" });
      await store.endTerminals(7, "the orchestrator ended");
      expect((await store.terminals({ worker: "beta", limit: 9 })).items).toMatchObject([
        { endedAtMs: 7, why: "the orchestrator ended" },
      ]);
      expect((await store.terminals({ worker: "alpha", limit: 9 })).items).toMatchObject([{ endedAtMs: 5, why: "closed" }]);
    });

    test("groups, with what their runs came to", async () => {
      const { store } = await openSubject(subject);
      await store.putGroups([group, { ...group, folder: "main", isMain: true }], 1);
      const { usage } = costlyRun("r");
      await store.append([], {
        runs: [
          costlyRun("run-1"),
          costlyRun("run-2", { startedAt: new Date(START_MS + 5).toISOString(), usage: null }),
          costlyRun("run-3", { usage: usage === null ? null : { ...usage, costUSD: 0.5 } }),
        ],
      });
      expect(await store.groups()).toEqual([
        { ...group, runs: 3, costUSD: 0.75, lastRunAtMs: START_MS + 5 },
        { ...group, folder: "main", isMain: true, runs: 0, costUSD: 0, lastRunAtMs: null },
      ]);
      await store.putGroups([{ ...group, name: "The family", folder: "main" }], 2);
      expect(await store.groups()).toMatchObject([{ folder: "main", name: "The family", isMain: false }]);
      await store.putGroups([group], 3);
      expect(await store.groups()).toMatchObject([{ folder: "family", runs: 3 }]);
      await store.putGroups([], 4);
      expect(await store.groups()).toEqual([]);
    });

    test("runs, each once", async () => {
      const { store } = await openSubject(subject);
      await store.append([], { runs: [costlyRun("aa1"), costlyRun("aa2", { group: "others", outcome: "timeout" })] });
      await store.append([], { runs: [costlyRun("aa1", { result: "another" }), costlyRun("b")] });
      await store.append([], { runs: [] });
      const { items } = await store.runs({ limit: 9 });
      expect(items.map(({ position: _position, ...record }) => record)).toEqual([
        costlyRun("aa1"),
        costlyRun("aa2", { group: "others", outcome: "timeout" }),
        costlyRun("b"),
      ]);
      expect((await store.runs({ limit: 9, groups: ["others", "none"] })).items).toMatchObject([{ id: "aa2" }]);
      expect((await store.runs({ limit: 9, outcomes: ["success"] })).items).toMatchObject([{ id: "aa1" }, { id: "b" }]);
      expect(await store.runs({ limit: 1, after: items[0]?.position ?? 0 })).toMatchObject({
        more: true,
        items: [{ id: "aa2" }],
      });
      expect(await store.run("b")).toMatchObject({ id: "b" });
      expect(await store.run("aa2")).toMatchObject({ id: "aa2" });
      expect(await store.run("aa")).toBe(null);
      expect(await store.run("c")).toBe(null);
      await store.append([], { runs: [costlyRun("aa")] });
      expect(await store.run("aa")).toMatchObject({ id: "aa" });
    });

    test("messages, each once, with what became of it", async () => {
      const { store } = await openSubject(subject);
      await store.append([], { messages: [message, { ...message, id: "m-2", chatJid: "work@local", group: "work" }] });
      await store.append([], { messages: [{ ...message, state: "answered", group: "family", run: "run-1", text: "changed" }] });
      await store.append([], {
        messages: [
          { ...message, state: "answered" },
          { ...message, direction: "out", state: "sent" },
        ],
      });
      const { items } = await store.messages({ limit: 9 });
      expect(items.map(({ position: _position, ...rest }) => rest)).toEqual([
        { ...message, state: "answered", group: "family", run: "run-1" },
        { ...message, id: "m-2", chatJid: "work@local", group: "work" },
        { ...message, direction: "out", state: "sent" },
      ]);
      expect((await store.messages({ limit: 9, groups: ["family"] })).items).toHaveLength(1);
      expect((await store.messages({ limit: 9, chats: ["family@local"] })).items).toHaveLength(2);
      expect(await store.messages({ limit: 1, before: items[2]?.position ?? 0 })).toMatchObject({
        more: true,
        items: [{ id: "m-2" }],
      });
    });

    test("runs and messages with the events that tell of them, all of it or nothing", async () => {
      const { store } = await openSubject(subject);
      const told: unknown[] = [];
      store.listen((entries) => void told.push(...entries));
      const about = { runs: [costlyRun("aa1")], messages: [message] };
      const of = { worker: null, container: null, instance: null, group: "family", run: "aa1", atMs: START_MS };
      const settled = { ...of, event: { type: "run", what: "settled", outcome: "success", why: "" } } as const;
      const bad = { ...settled, atMs: null as never };
      await expect(store.append([settled, bad], about)).rejects.toMatchObject({ code: "STORE_FAILED" });
      expect((await store.runs({ limit: 9 })).items).toEqual([]);
      expect((await store.messages({ limit: 9 })).items).toEqual([]);
      expect(told).toEqual([]);
      const kept = await store.append([settled], about);
      expect((await store.entries({}, { limit: 9 })).items).toEqual(kept);
      expect(told).toEqual(kept);
      const rows = [...(await store.runs({ limit: 9 })).items, ...(await store.messages({ limit: 9 })).items, ...kept];
      const positions = rows.map(({ position }) => position);
      expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => a - b));
      expect(store.position).toBe(positions.at(-1));
    });

    test("tasks, as they are now", async () => {
      const { store } = await openSubject(subject);
      const done: ScheduledTask = { ...task, id: "task-0", status: "done", nextAt: null };
      const soon: ScheduledTask = { ...task, id: "task-2", group: "work", nextAt: "2026-11-21T11:00:00.000Z" };
      await store.putTasks([task, done, soon]);
      expect(await store.tasks()).toEqual([soon, task, done]);
      expect(await store.tasks(["work"])).toEqual([soon]);
      await store.putTasks([done]);
      expect(await store.tasks()).toEqual([done]);
    });

    test("modules and the last check", async () => {
      const { store, database } = await openSubject(subject);
      const api: ModuleView = {
        module: "api",
        state: "healthy",
        why: "it answers",
        sinceMs: 3,
        containers: [{ name: "api-1", running: true, health: null }],
      };
      await store.putModules([{ ...api, module: "waha" }, api]);
      expect(await store.modules()).toEqual([api, { ...api, module: "waha" }]);
      await store.putModules([{ ...api, state: "stopped", containers: [] }]);
      expect(await store.modules()).toEqual([{ ...api, state: "stopped", containers: [] }]);
      expect(await store.lastCheck()).toBe(null);
      await store.putCheck({ atMs: 5, outcome: "kept", broken: 0, unknown: 0, report: null });
      await store.putCheck({ atMs: 9, outcome: "broken", broken: 2, unknown: 1, report: { findings: ["a"] } });
      await store.putCheck({ atMs: 7, outcome: "kept", broken: 0, unknown: 0, report: null });
      expect(await store.lastCheck()).toEqual({ atMs: 9, outcome: "broken", broken: 2, unknown: 1, report: { findings: ["a"] } });
      for (let atMs = 10; atMs < 130; atMs += 1)
        await store.putCheck({ atMs, outcome: "kept", broken: 0, unknown: 0, report: null });
      const [kept] = await database.read(sql<{ checks: number }>`SELECT count(*) AS checks FROM checks`.compile(build));
      expect(kept).toEqual({ checks: 100 });
    });

    test("who did what", async () => {
      const { store } = await openSubject(subject);
      await store.putAudit(audited);
      await store.putAudit({
        ...audited,
        who: "ann",
        worker: null,
        container: null,
        subject: null,
        result: "ACCESS_FORBIDDEN",
        facts: {},
      });
      const { items, first } = await store.audit({ limit: 9 });
      expect(items[0]).toEqual({ ...audited, position: first });
      expect(items[1]).toMatchObject({ who: "ann", result: "ACCESS_FORBIDDEN", facts: {}, subject: null });
      expect((await store.audit({ limit: 9, who: "ann" })).items).toHaveLength(1);
      expect((await store.audit({ limit: 9, who: "ann", what: "tokens.add" })).items).toEqual([]);
      expect(await store.audit({ limit: 1, after: 0 })).toMatchObject({ more: true, items: [{ who: "local" }] });
    });
  });
}
