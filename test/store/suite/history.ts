import { describe, expect, onTestFinished, test } from "vitest";
import type { TerminalSession } from "../../../src/model/kept.ts";
import { openStore } from "../../../src/store/open.ts";
import type { HistoryRetention, Store } from "../../../src/store/store.ts";
import { costlyRun, START_MS } from "./samples.ts";
import type { Subject } from "./subject.ts";

const HOUR_MS = 3_600_000;
const unbound = { maxAgeMs: null, maxRows: null };
const never: HistoryRetention = { runs: unbound, messages: unbound, audit: unbound, terminals: unbound };

async function openAt(subject: Subject): Promise<{ store: Store; clock: { nowMs: number }; reopen(): Promise<Store> }> {
  const clock = { nowMs: START_MS };
  const database = await subject.open();
  const reopen = () => openStore(database, { migrations: subject.migrations, now: () => clock.nowMs, momentMs: 60_000 });
  const store = await reopen();
  onTestFinished(() => store.close());
  return { store, clock, reopen };
}

const retain = (store: Store, bounds: Partial<HistoryRetention>, nowMs: number): Promise<number> =>
  store.retainHistory({ ...never, ...bounds }, nowMs, AbortSignal.timeout(20_000));

const auditRow = (number: number, facts: Record<string, string | number> = {}) => ({
  atMs: number,
  who: "owner",
  door: "command" as const,
  what: facts["line"] === undefined ? "process.stop" : "modules.up",
  worker: null,
  container: null,
  subject: `subject ${number}`,
  result: "done",
  facts,
});

const message = (number: number, run: string | null = null) => ({
  id: `message ${number}`,
  direction: "in" as const,
  chatJid: "family@local",
  group: "family",
  run,
  sender: "ann",
  kind: "message",
  text: `text ${number}`,
  atMs: number,
  state: "answered" as const,
});

const session = (number: number, over: Partial<TerminalSession> = {}): TerminalSession & { recording: string | null } => ({
  id: `session-${number}`,
  worker: "alpha",
  container: "alpha-1",
  session: null,
  instance: null,
  who: "owner",
  readonly: false,
  openedAtMs: START_MS + number,
  endedAtMs: START_MS + number,
  why: "the viewer hung up",
  bytesIn: 0,
  bytesOut: 0,
  recorded: false,
  recording: null,
  ...over,
});

export function describeHistory(subject: Subject): void {
  describe("retention of the house's history", () => {
    test("without bounds nothing goes, and nothing is told as taken out", async () => {
      const { store, clock } = await openAt(subject);
      await store.append([], { runs: [costlyRun("run1")], messages: [message(1)] });
      await store.putAudit(auditRow(1));
      await store.putTerminal(session(1));
      expect(await retain(store, {}, clock.nowMs + 1000 * HOUR_MS)).toBe(0);
      expect(await store.takenOut()).toEqual({ runsUpToMs: null, auditLine: null });
    });

    test("by age, each kind by its own, however short workers' lines are kept", async () => {
      const { store, clock } = await openAt(subject);
      for (let hour = 0; hour < 5; hour += 1) {
        await store.append([], {
          runs: [costlyRun(`run${hour}`, { startedAt: new Date(clock.nowMs).toISOString() })],
          messages: [message(hour, `run${hour}`)],
        });
        await store.putAudit(auditRow(hour));
        clock.nowMs += HOUR_MS;
        await store.retain({ maxAgeMs: HOUR_MS, maxRows: null, maxBytes: null }, clock.nowMs, AbortSignal.timeout(20_000));
      }
      const left = async () => [
        (await store.runs({ limit: 10 })).items.map(({ id }) => id),
        (await store.messages({ limit: 10 })).items.map(({ id, run }) => [id, run]),
        (await store.audit({ limit: 10 })).items.map(({ subject: of }) => of),
      ];
      const bounds = { runs: { ...unbound, maxAgeMs: 3.5 * HOUR_MS }, messages: { ...unbound, maxAgeMs: 1.5 * HOUR_MS } };
      expect(await retain(store, bounds, clock.nowMs)).toBe(2 + 4);
      // What names a run or a message that went names it still.
      expect(await left()).toEqual([
        ["run2", "run3", "run4"],
        [["message 4", "run4"]],
        [0, 1, 2, 3, 4].map((hour) => `subject ${hour}`),
      ]);
      expect(
        await retain(store, { audit: { ...unbound, maxAgeMs: 2.5 * HOUR_MS }, runs: { ...unbound, maxAgeMs: 1 } }, clock.nowMs),
      ).toBe(3 + 3);
      expect(await left()).toEqual([[], [["message 4", "run4"]], ["subject 3", "subject 4"]]);
      expect(await store.run("run4")).toBeNull();
      expect(await store.takenOut()).toEqual({ runsUpToMs: START_MS + 4 * HOUR_MS, auditLine: null });
    });

    test("by rows: the newest stay, more of them than go in one step", async () => {
      const { store, clock } = await openAt(subject);
      const numbers = Array.from({ length: 450 }, (_, index) => index + 1);
      await store.append([], { messages: numbers.map((number) => message(number)) });
      expect(await retain(store, { messages: { ...unbound, maxRows: 5 } }, clock.nowMs)).toBe(445);
      expect((await store.messages({ limit: 10 })).items.map(({ atMs }) => atMs)).toEqual([446, 447, 448, 449, 450]);
      expect(await retain(store, { messages: { ...unbound, maxRows: 5 } }, clock.nowMs)).toBe(0);
    });

    test("says which line of the commands' file went last, and which run began last, by a clock that was right", async () => {
      const { store, clock, reopen } = await openAt(subject);
      for (const line of [100, 250, 40]) await store.putAudit(auditRow(1, { line }));
      await store.putAudit(auditRow(2));
      const startedAt = (atMs: number): string => new Date(atMs).toISOString();
      await store.append([], {
        runs: [
          costlyRun("late", { startedAt: startedAt(START_MS - 5) }),
          costlyRun("early", { startedAt: startedAt(START_MS - 50) }),
        ],
      });
      await store.append([], { runs: [costlyRun("wrong", { startedAt: startedAt(START_MS + 1000 * HOUR_MS) })] });
      await store.append([], { runs: [costlyRun("stays")] });
      const one = { ...unbound, maxRows: 1 };
      expect(await retain(store, { audit: one, runs: one }, clock.nowMs)).toBe(3 + 3);
      const next = await reopen();
      expect(await next.takenOut()).toEqual({ runsUpToMs: START_MS - 5, auditLine: 40 });
      expect(next.position).toBe(store.position);
    });

    test("terminals that are open stay, and no cursor is given twice", async () => {
      const { store, clock } = await openAt(subject);
      await store.putTerminal(session(1, { endedAtMs: null, why: null }));
      for (const number of [2, 3, 4]) await store.putTerminal(session(number));
      const all = await store.terminals({ limit: 10 });
      expect(await retain(store, { terminals: { ...unbound, maxRows: 1 } }, clock.nowMs)).toBe(2);
      expect((await store.terminals({ limit: 10 })).items.map(({ id }) => id)).toEqual(["session-1", "session-4"]);
      expect(await retain(store, { terminals: { ...unbound, maxAgeMs: HOUR_MS } }, clock.nowMs + 2 * HOUR_MS)).toBe(1);
      await store.putTerminal(session(1));
      expect(await retain(store, { terminals: { ...unbound, maxAgeMs: HOUR_MS } }, clock.nowMs + 2 * HOUR_MS)).toBe(1);
      await store.putTerminal(session(5));
      const after = await store.terminals({ after: all.last ?? 0, limit: 10 });
      expect(after.items.map(({ id }) => id)).toEqual(["session-5"]);
      expect(await store.knownTerminals(["session-1", "session-5", "nobody"])).toEqual(["session-5"]);
      expect(await store.knownTerminals([])).toEqual([]);
    });
  });
}
