import { describe, expect, test } from "vitest";
import { MAX_CUTS, MAX_TRIES, endAttempt, isOver, type AttemptEnd } from "../../../../src/agents/queue/ending.ts";
import { followUps, nextGroup, nextItems } from "../../../../src/agents/queue/dispatch.ts";
import { itemKey, queueRecordSchema, type QueueRecord } from "../../../../src/agents/queue/records.ts";
import { QueueState, REMEMBERED_IDS } from "../../../../src/agents/queue/state.ts";
import { jobFor, messageTo } from "../../../fixtures/queue.ts";
import { generator } from "../protocol/random.ts";

const now = Date.parse("2026-11-21T10:00:00Z");

function end(state: QueueState, attempt: number, how: AttemptEnd): Extract<QueueRecord, { type: "settled" }> {
  return endAttempt(state, attempt, {
    end: how,
    run: "run1",
    newSessionId: null,
    now,
    backoff: (tries) => tries * 1000,
    chatOf: (group) => `${group}@g.us`,
  });
}

function replayed(records: readonly QueueRecord[]): QueueState {
  const state = new QueueState();
  // Through JSON and the schema, as from the disk.
  for (const record of records) state.apply(queueRecordSchema.parse(JSON.parse(JSON.stringify(record))));
  return state;
}

/** All that can be seen of a state. */
function seen(state: QueueState): unknown {
  const { nextSeq, nextAttempt, items, waiting, attempts, retryAt, outbox, untold, failures } = state;
  const sorted = <T>(map: ReadonlyMap<string | number, T>): unknown =>
    [...map].toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return structuredClone([
    nextSeq,
    nextAttempt,
    ...[items, waiting, attempts, retryAt, outbox, untold].map(sorted as (map: unknown) => unknown),
    failures,
  ]);
}

const message = (seq: number, group = "family"): QueueRecord => ({
  type: "item",
  item: { seq, group, kind: "message", message: messageTo(group, `m${seq}`) },
});
const job = (seq: number, group = "family"): QueueRecord => ({
  type: "item",
  item: { seq, group, kind: "job", job: jobFor(group, `j${seq}`) },
});
const begun = (attempt: number, ...items: number[]): QueueRecord => ({ type: "begun", attempt, group: "family", items });
const answered = (attempt: number, n = 1, final = false): QueueRecord => ({
  type: "answered",
  attempt,
  run: "run1",
  result: "yes",
  final,
  outgoing: {
    id: `run:run1:${n}`,
    chatJid: "family@g.us",
    text: "yes",
    kind: "answer",
    group: "family",
    run: "run1",
    createdAt: "2026-11-21T10:00:00.000Z",
  },
});

describe("the end of an attempt", () => {
  const waitingAfter = (records: readonly QueueRecord[], how: AttemptEnd): { state: QueueState; waiting: readonly number[] } => {
    const state = replayed(records);
    state.apply(end(state, 1, how));
    expect(state.attempts.size).toBe(0);
    return { state, waiting: state.waiting.get("family") ?? [] };
  };
  const texts = (state: QueueState): string[] => (state.outbox.get("family@g.us") ?? []).map(({ text }) => text);

  test("well: its items are finished and known", () => {
    const { state, waiting } = waitingAfter([message(1), message(2), begun(1, 1), answered(1)], {
      how: "success",
      skipped: false,
    });
    expect(waiting).toEqual([2]);
    expect(state.knows(itemKey({ message: messageTo("family", "m1") }))).toBe(true);
    expect(texts(state)).toEqual(["yes"]);
  });

  test("without an answer: it is tried again, before what came meanwhile, after a pause that grows", () => {
    const { state, waiting } = waitingAfter([message(1), begun(1, 1), message(2)], { how: "failed", reason: "no" });
    expect(waiting).toEqual([1, 2]);
    expect(state.retryAt.get("family")).toBe(now + 1000);
    expect(texts(state)).toEqual([]);
    state.apply(begun(2, 1, 2));
    state.apply(end(state, 2, { how: "failed", reason: "no" }));
    expect(state.retryAt.get("family")).toBe(now + 2000);
  });

  test("without an answer, for the last time: the chat is told and the failure is kept, and later messages are not to blame", () => {
    const state = replayed([message(1)]);
    for (let attempt = 1; attempt <= MAX_TRIES; attempt += 1) {
      if (attempt === MAX_TRIES) state.apply(message(2));
      state.apply(begun(attempt, 1, ...(attempt === MAX_TRIES ? [2] : [])));
      state.apply(end(state, attempt, { how: "failed", reason: "The agent is ill." }));
    }
    expect(state.waiting.get("family")).toEqual([2]);
    expect(texts(state)).toEqual([`Your message could not be answered, after ${MAX_TRIES} tries. The agent is ill.`]);
    expect(state.failures).toMatchObject([{ id: "m1", outcome: "failed", reason: "The agent is ill.", group: "family" }]);
  });

  test("after an answer: it is not tried again, and the chat is told", () => {
    const { state, waiting } = waitingAfter([message(1), begun(1, 1), answered(1)], { how: "failed", reason: "Out of memory." });
    expect(waiting).toEqual([]);
    expect(texts(state)).toEqual(["yes", "After this answer something went wrong: Out of memory."]);
  });

  test("after an answer to the first and none to a follow-up: only the follow-up is tried again", () => {
    const records = [message(1), begun(1, 1), message(2), answered(1), { type: "taken", attempt: 1, item: 2 } as const];
    expect(waitingAfter(records, { how: "failed", reason: "no" }).waiting).toEqual([2]);
    expect(waitingAfter([...records, answered(1, 2)], { how: "failed", reason: "no" }).waiting).toEqual([]);
    expect(waitingAfter(records, { how: "success", skipped: false }).waiting).toEqual([]);
  });

  test("by its host's death: unanswered items wait again", () => {
    const died = { how: "interrupted", killed: true } as const;
    const { state, waiting } = waitingAfter([message(1), begun(1, 1)], died);
    expect(waiting).toEqual([1]);
    expect(state.items.get(1)?.tries).toBe(0);
    expect(state.retryAt.size).toBe(0);
    expect(texts(waitingAfter([message(1), begun(1, 1), answered(1)], died).state)).toEqual([
      "yes",
      "NovaBot was stopped meanwhile; the answer may not be complete.",
    ]);
    expect(texts(waitingAfter([message(1), begun(1, 1), answered(1, 1, true)], died).state)).toEqual(["yes"]);
  });

  test("by its host's death, again and again: it is run alone, then given up, and the chat is told", () => {
    const state = replayed([message(1), message(2), job(3), message(4)]);
    const cut = (attempt: number): void => {
      const items = nextItems(state, "family").map(({ seq }) => seq);
      state.apply(begun(attempt, ...items));
      state.apply(end(state, attempt, { how: "interrupted", killed: true }));
    };
    for (let attempt = 1; attempt < 6; attempt += 1) cut(attempt);
    const [first, second] = [state.items.get(1), state.items.get(2)].map((held) => held?.item);
    expect(nextItems(state, "family")).toEqual([first]);
    expect(followUps(state, "family", [])).toEqual([]);
    for (let attempt = 6; attempt < MAX_CUTS; attempt += 1) cut(attempt);
    expect(state.waiting.get("family")).toEqual([1, 2, 3, 4]);
    // What is compacted in between counts on.
    const after = replayed([...state.snapshot()]);
    after.apply(begun(MAX_CUTS, 1));
    after.apply(end(after, MAX_CUTS, { how: "interrupted", killed: true }));
    expect(after.waiting.get("family")).toEqual([2, 3, 4]);
    expect(nextItems(after, "family")).toEqual([second]);
    expect(texts(after)).toEqual([
      `Your message could not be answered: NovaBot was killed in the middle of it ${MAX_CUTS} times.`,
    ]);
    expect(after.failures).toMatchObject([{ id: "m1", outcome: "failed" }]);
  });

  test("before a clock that goes back: its group waits for no pause that nobody meant", () => {
    const { state } = waitingAfter([message(1), begun(1, 1)], { how: "failed", reason: "no" });
    const next = (at: number): string | undefined => nextGroup(state, new Map(), () => false, at);
    expect([next(now), next(now + 1000), next(now - 3_600_000)]).toEqual([undefined, "family", "family"]);
  });

  test("by its host's end, or for want of an engine: the try does not count", () => {
    for (const how of [{ how: "interrupted", killed: false } as const, { how: "held up", reason: "no engine" } as const]) {
      const { state, waiting } = waitingAfter([message(1), begun(1, 1)], how);
      expect(waiting).toEqual([1]);
      expect(state.items.get(1)?.tries).toBe(0);
    }
  });

  test("by being cancelled: it is not tried again, the chat is told, and what was not taken waits", () => {
    const { state, waiting } = waitingAfter([message(1), begun(1, 1), message(2)], { how: "cancelled" });
    expect(waiting).toEqual([2]);
    expect(texts(state)).toEqual(["This was cancelled before it was answered."]);
    expect(state.failures).toMatchObject([{ id: "m1", outcome: "cancelled" }]);
  });

  test.each([
    [{ how: "success", skipped: false } as const, [answered(1)], { outcome: "success", result: "yes", error: null }],
    [{ how: "success", skipped: true } as const, [], { outcome: "skipped", result: null, error: null }],
    [{ how: "failed", reason: "no" } as const, [answered(1)], { outcome: "failed", result: "yes", error: "no" }],
    [{ how: "cancelled" } as const, [], { outcome: "failed", error: "It was cancelled." }],
  ])("of a task %j: its end is kept until it was told", (how, said, expected) => {
    const { state } = waitingAfter([job(1), begun(1, 1), ...said], how);
    expect(state.untold.get("j1")).toMatchObject({ job: { task: "task-j1" }, end: { run: "run1", ...expected } });
    state.apply({ type: "told", job: "j1" });
    expect(state.untold.size).toBe(0);
  });

  test("of a task that is tried again: it has no end yet", () => {
    expect(waitingAfter([job(1), begun(1, 1)], { how: "failed", reason: "no" }).state.untold.size).toBe(0);
  });
});

test("ids are known again, the newest of them", () => {
  const state = new QueueState();
  const keys = (from: number): string[] => Array.from({ length: 1000 }, (_, index) => `key ${from + index}`);
  for (let from = 0; from <= REMEMBERED_IDS; from += 1000) state.apply({ type: "finished", keys: keys(from) });
  expect(state.knows("key 999")).toBe(false);
  expect(state.knows("key 1000")).toBe(true);
  expect(state.knows(`key ${REMEMBERED_IDS + 999}`)).toBe(true);
});

/** A history as a queue would write it, chosen at random. */
function randomHistory(random: (below: number) => number): QueueRecord[] {
  const records: QueueRecord[] = [];
  const state = new QueueState();
  const add = (record: QueueRecord): void => {
    records.push(record);
    state.apply(record);
  };
  const groups = ["family", "work", "main"];
  let answers = 0;
  for (let step = 0; step < 60; step += 1) {
    const group = groups[random(3)] ?? "main";
    const attempt = [...state.attempts.values()][random(Math.max(1, state.attempts.size))];
    const waiting = state.waiting.get(group) ?? [];
    const isBusy = [...state.attempts.values()].some((other) => other.group === group);
    const choice = random(10);
    if (choice < 3) add(random(4) ? message(state.nextSeq, group) : job(state.nextSeq, group));
    else if (choice < 5 && waiting.length && !isBusy) {
      add({ type: "begun", attempt: state.nextAttempt, group, items: waiting.slice(0, 1 + random(3)) });
    } else if (choice === 5 && attempt) {
      const next = state.waiting.get(attempt.group)?.[0];
      if (next !== undefined) add({ type: "taken", attempt: attempt.id, item: next });
    } else if (choice === 6 && attempt) {
      answers += 1;
      const record = answered(attempt.id, answers, random(2) === 0) as Extract<QueueRecord, { type: "answered" }>;
      add(random(5) ? record : { ...record, outgoing: null });
    } else if (choice === 7 && attempt) {
      const ends: AttemptEnd[] = [
        { how: "success", skipped: false },
        { how: "failed", reason: "no" },
        { how: "held up", reason: "away" },
        { how: "cancelled" },
        { how: "interrupted", killed: random(2) === 0 },
      ];
      const how = ends[random(ends.length)];
      if (how) add(end(state, attempt.id, how));
    } else if (choice === 8) {
      const first = [...state.outbox.values()][0]?.[0];
      if (first) add({ type: "sent", id: first.id });
    } else {
      const [told] = state.untold.keys();
      if (told !== undefined) add({ type: "told", job: told });
    }
  }
  return records;
}

describe("random histories", () => {
  const histories = Array.from({ length: 60 }, (_, seed) => randomHistory(generator(seed)));

  test("cut at every record, nothing that was accepted is lost or doubled", () => {
    for (const history of histories) {
      for (let cut = 0; cut <= history.length; cut += 1) {
        const before = history.slice(0, cut);
        const state = replayed(before);
        const said = new Set<number>();
        const posted = new Set<string>();
        const sent = new Set<string>();
        const holds = new Map<number, number[]>();
        // What can be seen from outside, told by the records and not by the state.
        for (const record of before) {
          if (record.type === "begun") holds.set(record.attempt, [...record.items]);
          if (record.type === "taken") holds.get(record.attempt)?.push(record.item);
          if (record.type === "answered") for (const seq of holds.get(record.attempt) ?? []) said.add(seq);
          if (record.type === "settled") holds.delete(record.attempt);
          if (record.type === "answered" && record.outgoing) posted.add(record.outgoing.id);
          if (record.type === "settled") for (const { id } of record.outgoing) posted.add(id);
          if (record.type === "sent") sent.add(record.id);
        }
        const dropped = new Set(
          before.flatMap((record) =>
            record.type === "settled" ? record.ends.flatMap(([seq, how]) => (isOver(how) ? [seq] : [])) : [],
          ),
        );
        for (const attempt of state.attempts.keys()) {
          const record = end(state, attempt, { how: "interrupted", killed: false });
          state.apply(record);
          for (const { id } of record.outgoing) posted.add(id);
        }
        expect(state.attempts.size).toBe(0);
        const waiting = [...state.waiting.values()].flat();
        expect(new Set(waiting).size).toBe(waiting.length);
        for (const queue of state.waiting.values()) expect(queue).toEqual(queue.toSorted((a, b) => a - b));
        for (const record of before) {
          if (record.type !== "item") continue;
          const { seq } = record.item;
          expect(waiting.includes(seq)).toBe(!said.has(seq) && !dropped.has(seq));
          expect(state.knows(itemKey(record.item))).toBe(true);
        }
        expect(new Set([...state.outbox.values()].flat().map(({ id }) => id))).toEqual(
          new Set([...posted].filter((id) => !sent.has(id))),
        );
      }
    }
  });

  test("a snapshot at every record amounts to the same", () => {
    for (const history of histories.slice(0, 20)) {
      const state = new QueueState();
      for (const record of history) {
        state.apply(record);
        expect(seen(replayed([...state.snapshot()]))).toEqual(seen(state));
      }
      const again = replayed([...state.snapshot()]);
      for (const record of history) {
        if (record.type === "item") expect(again.knows(itemKey(record.item))).toBe(true);
        if (record.type === "answered" && record.outgoing) expect(again.knowsOutgoing(record.outgoing.id)).toBe(true);
      }
    }
  });

  test("applying a history twice changes nothing", () => {
    for (const history of histories.slice(0, 20)) {
      const items = history.filter(({ type }) => type === "item");
      const state = replayed(history);
      const before = seen(state);
      for (const record of items) state.apply(record);
      expect(seen(state)).toEqual(before);
    }
  });
});
