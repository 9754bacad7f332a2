import { beforeEach, describe, expect, test } from "vitest";
import { calm } from "../../../src/cli/up-lines.ts";
import { News } from "../../../src/cli/up-news.ts";
import type { Entry, EventEntry, WorkerState } from "../../../src/model/entry.ts";
import type { InstanceStatus } from "../../../src/model/instance.ts";

const place = { position: 1, atMs: 0, worker: "shop", container: "c", instance: null, group: null, run: null } as const;
const happened = (event: EventEntry["event"], instance: string | null = null): Entry => ({
  ...{ ...place, instance, kind: "event", bootID: null, seq: null, event },
});
const worker = (state: WorkerState, why = "why"): Entry => happened({ type: "worker", state, why });
const fell = (changed: Partial<InstanceStatus>): Entry => {
  const status: InstanceStatus = {
    ...{ id: "api", state: "crashed", ready: false, pid: null, sinceMs: 0, startedAtMs: 0, exitCode: 1, signal: null },
    ...{ restarts: 0, crashLoop: false, nextStartAtMs: null, why: "ended", port: null, argv: ["x"] },
    ...changed,
  };
  return happened({ type: "instance", status }, "api");
};

let told: string[];
let news: News;

beforeEach(() => {
  told = [];
  news = new News((line) => told.push(line));
});

const take = (...entries: readonly Entry[]): string[] => {
  for (const entry of entries) news.take(entry);
  return told.splice(0);
};

describe("workers on the console", () => {
  test("one that starts is one line", () => {
    const booted = happened({ type: "booted", version: "1", previous: null });
    expect(take(worker("connecting"), booted, worker("linked"))).toEqual(["shop  worker linked: why"]);
  });

  test("one that is started and does not stay is no news of its own", () => {
    expect(take(worker("connecting"), worker("stopped"), worker("connecting"), worker("gone"))).toEqual([]);
  });

  test("one that does not answer is told of once until it does", () => {
    expect(take(worker("connecting"), worker("lost", "refused"))).toEqual(["shop  worker lost: refused"]);
    expect(take(worker("connecting"), worker("lost", "refused"))).toEqual([]);
    expect(take(worker("linked"))).toEqual(["shop  worker linked: why"]);
  });

  test("one that vanishes is told of at once, also when it was linked before this process began", () => {
    expect(take(worker("lost"))).toEqual(["shop  worker lost: why"]);
    expect(take(worker("connecting"), worker("lost"))).toEqual([]);
    expect(take(worker("gone"))).toEqual(["shop  worker gone: why"]);
    expect(take(worker("connecting"), worker("linked"), worker("stopped"))).toEqual([
      "shop  worker linked: why",
      "shop  worker stopped: why",
    ]);
  });

  test("a supervisor that begins anew is news where the one before it did not end in order", () => {
    const booted = (clean: boolean): Entry =>
      happened({ type: "booted", version: "1", previous: { bootID: "b", clean, lastSeq: 1 } });
    expect(take(booted(true))).toEqual([]);
    expect(take(booted(false))).toEqual(["shop  supervisor 1 booted; the one before it did not end in order"]);
  });
});

test("a process is told each time that it crashes, and of a crash loop once until it is over", () => {
  const loop = { crashLoop: true, why: "crash loop" };
  expect(take(fell({}), fell({ state: "running" }), fell({}))).toHaveLength(2);
  expect(take(fell(loop), fell({ ...loop, state: "starting" }), fell({ ...loop, state: "running" }), fell(loop))).toEqual([
    "shop/api  crash loop: crash loop",
  ]);
  expect(take(fell({ state: "running" }))).toEqual([]);
  expect(take(fell(loop))).toHaveLength(1);
});

test("a line stays one, whatever is in it", () => {
  const printed: string[] = [];
  const console = calm((line) => printed.push(line));
  console.line("shop  Error\n13:00:00  worker bank  is up\u001b[2J");
  console.end();
  expect(printed).toEqual(["shop  Error\\n13:00:00  worker bank  is up\\x1b[2J"]);
});

test("an error is told when it is first seen", () => {
  const seen = (count: number): Entry => ({
    ...{ ...place, instance: "api", kind: "error", bootID: "b", seq: 1 },
    error: {
      ...{ fingerprint: "f", instance: "api", category: "type", severity: "fatal", source: "node", name: "TypeError" },
      ...{ message: "no\nmore", count, firstSeenMs: 0, lastSeenMs: 0, firstSeq: 1, lastSeq: 1, lines: [], before: [] },
    },
  });
  expect(take(seen(1), seen(2))).toEqual(["shop/api  TypeError: no"]);
});
