import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ErrorGroup } from "../../../../src/model/record.ts";
import { watchErrors } from "../../../../src/supervisor/errors/watch-errors.ts";
import { blockOf } from "./blocks.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

function open(bounds = {}) {
  const told: ErrorGroup[] = [];
  const watch = watchErrors({ onError: (group) => told.push(group), bounds });
  let seq = 1;
  return {
    watch,
    told,
    write: (text: string, more: Parameters<typeof blockOf>[1] = {}): void => {
      const block = blockOf(text, { atMs: Date.now(), ...more });
      watch.look(block, seq);
      seq += block.ends.length;
    },
  };
}

test("an error is told when its lines stop coming, though nothing else is written", async () => {
  const { write, told } = open();
  write("Error: lost\n    at f (/app/a.js:1:2)\n");
  expect(told).toEqual([]);
  await vi.advanceTimersByTimeAsync(600);
  expect(told.map((group) => group.count)).toEqual([1]);
});

test("an error is told at once when its process ends", () => {
  const { write, watch, told } = open();
  write("Error: lost\n    at f (/app/a.js:1:2)\n");
  watch.ended("other");
  expect(told).toEqual([]);
  watch.ended("app");
  expect(told.length).toBe(1);
});

test("a flood of one error is told once a second with its count, and its last count is never lost", async () => {
  const { write, watch, told } = open();
  for (let round = 0; round < 30; round += 1) {
    write(Array.from({ length: 100 }, (_, index) => `Error: user ${index} is lost\n`).join(""));
    await vi.advanceTimersByTimeAsync(100);
  }
  await vi.advanceTimersByTimeAsync(5000);
  expect(told.at(-1)?.count).toBe(3000);
  expect(told.length).toBeGreaterThanOrEqual(3);
  expect(told.length).toBeLessThanOrEqual(6);
  expect(told.map((group) => group.count)).toEqual(told.map((group) => group.count).toSorted((a, b) => a - b));
  expect(new Set(told.map((group) => group.fingerprint)).size).toBe(1);
  // Nothing waits any more: no timer keeps an idle supervisor awake.
  expect(vi.getTimerCount()).toBe(0);
  watch.close();
  expect(told.at(-1)?.count).toBe(3000);
});

test("an error that comes again and again word for word is counted each time, and what follows belongs to the last", () => {
  const { write, watch } = open();
  write(
    `start\n${"Error: lost\n".repeat(50)}    at f (/app/a.js:1:2)\n${"Error: lost\n".repeat(20)}end\n${"nothing Error: here\n".repeat(9)}`,
  );
  watch.close();
  expect(watch.list({ limit: 9 }).groups).toMatchObject([
    { message: "lost", count: 69, firstSeq: 2, lastSeq: 72, lines: ["Error: lost"] },
    { message: "lost", count: 1, firstSeq: 51, lastSeq: 51, lines: ["Error: lost", "    at f (/app/a.js:1:2)"] },
  ]);
});

test("more lines than can be read are counted, and told as not looked at", async () => {
  const { write, watch, told } = open({ readLines: 200, readLinesAtOnce: 100, newGroups: 1000 });
  const lines = (from: number): string =>
    Array.from({ length: 400 }, (_, index) => `Error: user ${from + index} is lost\n`).join("");
  write(lines(0));
  write(lines(400));
  await vi.advanceTimersByTimeAsync(3000);
  const counts = (): number[] => watch.list({ limit: 9 }).groups.map((group) => group.count);
  expect(counts().toSorted((a, b) => a - b)).toEqual([100, 700]);
  expect(told.find((group) => group.message.includes("not looked at"))?.severity).toBe("warning");
  // However long it was quiet, no more are read in one go.
  write(lines(0));
  await vi.advanceTimersByTimeAsync(250);
  write(lines(0));
  watch.close();
  expect(counts().toSorted((a, b) => a - b)).toEqual([250, 1350]);
});

test("a group knows its first and last time, their records, and the lines of the last", async () => {
  const { write, watch } = open();
  write("a\nError: user 1 is lost\n");
  watch.ended("app");
  await vi.advanceTimersByTimeAsync(60_000);
  write("b\nc\nError: user 2 is lost\nd\n", { stream: "stdout" });
  watch.ended("app");
  expect(watch.list({ limit: 9 }).groups).toMatchObject([
    {
      instance: "app",
      count: 2,
      firstSeenMs: 1_000_000,
      lastSeenMs: 1_060_000,
      firstSeq: 2,
      lastSeq: 5,
      message: "user 2 is lost",
      lines: ["Error: user 2 is lost"],
      before: ["b", "c"],
    },
  ]);
});

test("lines before an error are those of both streams", () => {
  const { write, watch } = open();
  write(Array.from({ length: 30 }, (_, index) => `request ${index}\n`).join(""), { stream: "stdout" });
  write("nearly\nError: lost\n", { stream: "stderr" });
  watch.close();
  const before = watch.list({ limit: 1 }).groups[0]?.before ?? [];
  expect(before.slice(-3)).toEqual(["request 28", "request 29", "nearly"]);
  expect(before.length).toBe(10);
});

test("errors are listed newest first, by what is asked, counted and cleared", async () => {
  const { write, watch, told } = open();
  write("TypeError: a\n", { instance: "web" });
  await vi.advanceTimersByTimeAsync(1000);
  write("Error: connect ECONNREFUSED 10.0.0.1:1\n", { instance: "api" });
  await vi.advanceTimersByTimeAsync(1000);
  write("panic: lost\n\ngoroutine 1 [running]:\nmain.main()\n\t/x/a.go:1 +0x1\n", { instance: "api" });
  await vi.advanceTimersByTimeAsync(1000);
  const names = (query: object): string[] => watch.list({ limit: 10, ...query }).groups.map((group) => group.name);
  expect(names({})).toEqual(["panic", "Error", "TypeError"]);
  expect(names({ limit: 1 })).toEqual(["panic"]);
  expect(names({ instances: ["web"] })).toEqual(["TypeError"]);
  expect(names({ categories: ["network", "type"] })).toEqual(["Error", "TypeError"]);
  expect(names({ severities: ["fatal"] })).toEqual(["panic"]);
  expect(names({ fingerprint: told[0]?.fingerprint ?? "" })).toEqual(["TypeError"]);
  expect(names({ sinceMs: 1_001_000 })).toEqual(["panic", "Error"]);
  expect(names({ untilMs: 1_001_500 })).toEqual(["Error", "TypeError"]);
  expect(watch.stats()).toEqual({
    groups: 3,
    occurrences: 3,
    byCategory: { type: 1, network: 1, panic: 1 },
    bySeverity: { error: 2, fatal: 1 },
    byInstance: { web: 1, api: 2 },
  });
  expect(watch.stats(["web"])).toMatchObject({ groups: 1, byInstance: { web: 1 } });
  expect(watch.clear(["api"])).toBe(2);
  expect(names({})).toEqual(["TypeError"]);
  expect(watch.clear()).toBe(1);
  expect(watch.stats()).toMatchObject({ groups: 0, occurrences: 0 });
});

describe("too many different errors", () => {
  const word = (index: number): string => index.toString(26).replaceAll(/\d/g, (digit) => "qrstuvwxyz"[Number(digit)] ?? "");

  test("are counted together, so that none is lost and none floods", () => {
    const { write, watch, told } = open({ newGroups: 10 });
    write(Array.from({ length: 500 }, (_, index) => `Error: ${word(index)} is lost\n`).join(""));
    watch.close();
    const { groups } = watch.list({ limit: 1000 });
    expect(groups.length).toBe(11);
    expect(groups.reduce((sum, group) => sum + group.count, 0)).toBe(500);
    expect(told.length).toBeLessThanOrEqual(12);
    expect(groups.find((group) => group.count === 490)?.message).toContain("More different errors");
  });

  test("push out those that were not seen for longest, of the same instance first", () => {
    const { write, watch } = open({ newGroups: 1000, groups: 20 });
    write("Error: of another\n", { instance: "calm" });
    write(Array.from({ length: 100 }, (_, index) => `Error: ${word(index)} is lost\n`).join(""));
    watch.close();
    expect(watch.list({ limit: 1000, instances: ["app"] }).groups.length).toBe(20);
    expect(watch.list({ limit: 1000, instances: ["calm"] }).groups.length).toBe(1);
  });

  test("with long lines keep to the room that there is", () => {
    const { write, watch } = open({ newGroups: 1000, characters: 50_000 });
    const frames = Array.from({ length: 50 }, (_, index) => `    at f${index} (/app/${"x".repeat(200)}.js:1:2)\n`).join("");
    for (let index = 0; index < 100; index += 1) write(`Error: ${word(index)} is lost\n${frames}`);
    watch.close();
    const held = watch.list({ limit: 1000 }).groups;
    expect(held.reduce((sum, group) => sum + group.lines.join("").length, 0)).toBeLessThan(50_000);
    expect(held[0]?.message).toBe(`${word(99)} is lost`);
  });
});

test("numbered lines are no errors, however many come at once; those beside them that speak of errors are counted", async () => {
  const numbered = Array.from({ length: 30_000 }, (_, index) => `line ${index} of app.js:${index}\n`).join("");
  const { write, watch, told } = open();
  write(numbered);
  write(numbered);
  watch.ended("app");
  expect(told).toEqual([]);
  write(numbered);
  write(`${numbered}Error: lost\nline 7\n[ERROR] again\n`);
  watch.ended("app");
  expect(told.map(({ message, count }) => [message.startsWith("So many lines"), count])).toEqual([[true, 2]]);
});
