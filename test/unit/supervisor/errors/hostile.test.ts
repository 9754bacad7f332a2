import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { errorGroupSchema, LINE_LIMIT } from "../../../../src/model/record.ts";
import { watchErrors } from "../../../../src/supervisor/errors/watch-errors.ts";
import { processorTime } from "../../../fixtures/processor-time.ts";
import { blockOf } from "./blocks.ts";
import { traces } from "./traces.ts";

// What a child may write to make its watcher slow, large or wrong.

/** Milliseconds of the processor's time that looking at the text takes, the fastest of three. */
function timeOf(text: string): number {
  const block = blockOf(text);
  const times = Array.from({ length: 3 }, () => {
    const watch = watchErrors({ onError: () => {}, bounds: { readLines: 1e9, readLinesAtOnce: 1e9 } });
    const spent = processorTime();
    watch.look(block, 1);
    watch.close();
    return spent();
  });
  return Math.min(...times);
}

const lines: readonly (readonly [string, (length: number) => string])[] = [
  ["spaces", (length) => `Error: ${" ".repeat(length)}x`],
  ["a name without an end", (length) => `${"aB".repeat(length / 2)}Error`],
  ["dots", (length) => `Error ${"a.".repeat(length / 2)}`],
  ["brackets", (length) => `${"[".repeat(length / 2)}error:${"(".repeat(length / 2)}`],
  ["times", (length) => "2026-01-02T10:11:12 error ".repeat(length / 26)],
  ["levels", (length) => "ERROR: ".repeat(length / 7)],
  ["names", (length) => "TypeError: ".repeat(length / 11)],
  ["quotes", (length) => `Error: ${"'\"`".repeat(length / 3)}`],
  ["one quote", (length) => `Error: '${"a".repeat(length)}`],
  ["digits", (length) => `Error: ${"1".repeat(length)}x`],
  ["hexadecimal", (length) => `Error: ${"ab:".repeat(length / 3)}`],
  ["slashes", (length) => `Error: ${"/".repeat(length)}`],
  ["at signs", (length) => `Error: ${"a@".repeat(length / 2)}`],
  ["escapes", (length) => `Error: ${"\u001b[".repeat(length / 2)}`],
  ["an escape without an end", (length) => `Error: \u001b]${"0".repeat(length)}`],
  ["a thread's name", (length) => `thread '${"a".repeat(length)}' panicked at 'x`],
  ["a compiler's place", (length) => `${"a:1:".repeat(length / 4)}error:`],
  ["fields", (length) => `level=error ${'msg="'.repeat(length / 5)}`],
  ["backslashes in a field", (length) => `level=error msg="${"\\".repeat(length)}`],
  ["a shell's line", (length) => `${"x".repeat(length / 2)}: line 1: ${"y".repeat(length / 2)}`],
  ["Perl's line", (length) => `${"x at y line 1 ".repeat(length / 14)}.`],
  ["JSON that is deep", (length) => `{"level":50,"err":${"[".repeat(length)}}`],
  ["JSON with a level and no end", (length) => `{"level":50,"msg":"${'\\"'.repeat(length / 2)}}`],
  ["frames", (length) => `Error: x\n    at ${"(".repeat(length)}`],
  ["a Java frame", (length) => `Error: x\n\tat ${"a.".repeat(length / 2)}(A.java:1)`],
  ["a Python frame", (length) => `Traceback (most recent call last):\n  File "${'", line '.repeat(length / 8)}`],
  ["a Go call", (length) => `panic: x\n\ngoroutine 1 [running]:\n${"a(".repeat(length / 2)}\n\t/x.go:1`],
];

describe.each(lines)("a line of %s", (_, make) => {
  // Each line is as long as a line may be. Were anything quadratic, one would take seconds.
  test("is looked at quickly however long it is", () => {
    const line = make(LINE_LIMIT - 64);
    expect(timeOf(`${line}\n`.repeat(20))).toBeLessThan(400);
  });

  test("at every length gives a group that the protocol takes", () => {
    for (const length of [0, 64, 999, 1000, 1001, 5000]) {
      const watch = watchErrors({ onError: (group) => expect(errorGroupSchema.parse(group)).toEqual(group) });
      watch.look(blockOf(`${make(length)}\n`), 1);
      watch.close();
    }
  });
});

test("the time for a text grows with its length and not faster", () => {
  const errors = (count: number): string =>
    Array.from({ length: count }, (_, index) => `Error: lost ${index}\n    at f (/app/a.js:1:2)\n`).join("");
  timeOf(errors(2000));
  const [one, eight] = [timeOf(errors(3000)), timeOf(errors(24_000))];
  expect(eight).toBeLessThan(Math.max(one, 10) * 24);
});

test("a trace without an end is told of, and holds little", () => {
  const told: number[] = [];
  const watch = watchErrors({
    onError: (group) => told.push(group.lines.length),
    bounds: { readLines: 1e9, readLinesAtOnce: 1e9 },
  });
  watch.look(blockOf("Error: lost\n"), 1);
  for (let index = 0; index < 200; index += 1) watch.look(blockOf("    at f (/app/a.js:1:2)\n".repeat(500)), 2);
  expect(told.length).toBe(1);
  expect(told[0]).toBeLessThanOrEqual(61);
  watch.close();
  expect(watch.list({ limit: 9 }).groups).toMatchObject([{ name: "Error", message: "lost", count: 1 }]);
});

test("the end of a long trace is kept: Python says there what it was", () => {
  const frames = Array.from({ length: 500 }, (_, index) => `  File "/app/a.py", line ${index}, in f${index}\n    g()\n`).join("");
  const watch = watchErrors({ onError: () => {} });
  watch.look(blockOf(`Traceback (most recent call last):\n${frames}ValueError: lost\n`), 1);
  watch.close();
  expect(watch.list({ limit: 9 }).groups).toMatchObject([{ name: "ValueError", message: "lost", source: "python" }]);
});

test("the parts of a line that is too long begin nothing", () => {
  const watch = watchErrors({ onError: () => {} });
  watch.look(blockOf("x".repeat(1000), { continues: true }), 1);
  watch.look(blockOf("Error: in the middle of a line\nError: a line of its own\n", { goesOn: true }), 1);
  watch.close();
  expect(watch.list({ limit: 9 }).groups.map((group) => group.message)).toEqual(["a line of its own"]);
});

test("blocks that lie anywhere in memory are searched alike", () => {
  for (let shift = 0; shift < 8; shift += 1) {
    for (let lead = 0; lead < 8; lead += 1) {
      const text = Buffer.from(`${"a".repeat(lead)}\nError: lost\n${"b".repeat(lead)}\nfatal: gone`);
      const memory = Buffer.from(new ArrayBuffer(text.length + shift)).subarray(shift);
      text.copy(memory);
      const watch = watchErrors({ onError: () => {} });
      watch.look({ ...blockOf(text), bytes: memory }, 1);
      watch.close();
      const messages = watch.list({ limit: 9 }).groups.map((group) => group.message);
      expect([shift, lead, messages.toSorted()]).toEqual([shift, lead, ["gone", "lost"]]);
    }
  }
});

test("memory that is used again after the look changes nothing", () => {
  const watch = watchErrors({ onError: () => {} });
  const block = blockOf("before\nError: lost\n    at f (/app/a.js:1:2)\n");
  watch.look(block, 1);
  block.bytes.fill(120);
  block.ends.fill(0);
  watch.close();
  expect(watch.list({ limit: 9 }).groups).toMatchObject([
    { message: "lost", before: ["before"], lines: ["Error: lost", "    at f (/app/a.js:1:2)"] },
  ]);
});

test("whatever bytes come, in whatever blocks, what is told keeps to the protocol", () => {
  const pieces = fc.oneof(
    fc.constantFrom(...traces.flatMap(({ text }) => text.split(/(?<=\n)/))),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => `${Buffer.from(bytes).toString("latin1")}\n`),
    fc.constantFrom("Error: ", "{", '"level":50', "\u001b[31m", "\r\n", "\n", "   ", "\ud800"),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(pieces, fc.boolean()), { maxLength: 60 }), (parts) => {
      const watch = watchErrors({ onError: (group) => expect(errorGroupSchema.parse(group)).toEqual(group) });
      let seq = 1;
      for (const [text, isError] of parts) {
        const block = blockOf(text, { stream: isError ? "stderr" : "stdout" });
        watch.look(block, seq);
        seq += block.ends.length;
      }
      watch.close();
    }),
    { numRuns: 300 },
  );
});
