import { describe, expect, test } from "vitest";
import type { ErrorGroup } from "../../../../src/model/record.ts";
import { errorGroupSchema } from "../../../../src/model/record.ts";
import type { LineBlock } from "../../../../src/supervisor/capture/line-block.ts";
import { watchErrors } from "../../../../src/supervisor/errors/watch-errors.ts";
import { blockOf, interleaved, linesOf } from "./blocks.ts";
import { harmless, plainErrors, traces } from "./traces.ts";

/** The errors in these blocks, in the order in which they were found. */
function errorsIn(blocks: readonly LineBlock[]): ErrorGroup[] {
  const found: ErrorGroup[] = [];
  const watch = watchErrors({ onError: (group) => found.push(group) });
  let seq = 1;
  for (const block of blocks) {
    watch.look(block, seq);
    seq += block.ends.length;
  }
  watch.close();
  for (const group of found) expect(errorGroupSchema.parse(group)).toEqual(group);
  return found;
}

const about = ({ source, category, severity, name, message }: ErrorGroup) => ({ source, category, severity, name, message });
const calm = Array.from({ length: 40 }, (_, index) => `GET /orders/${index} 200\n`);

describe.each(traces)("$title", ({ text, is, lines }) => {
  const count = lines ?? text.trimEnd().split("\n").length;

  test("is one error with all its lines", () => {
    const found = errorsIn([blockOf(`all is well\n${text}all is well again\n`)]);
    expect(found.map(about)).toEqual([is]);
    expect(found[0]?.lines.length).toBe(count);
    expect(found[0]?.before).toContain("all is well");
  });

  test("is the same error when it comes line by line between the other stream's lines", () => {
    const whole = errorsIn([blockOf(`all is well\n${text}`)]);
    const mixed = errorsIn(
      interleaved(calm.join(""), `all is well\n${text}`).map(({ stream, line }) => blockOf(line, { stream })),
    );
    expect(mixed.map((group) => [group.fingerprint, group.lines])).toEqual(
      whole.map((group) => [group.fingerprint, group.lines]),
    );
  });

  test("is the same error wherever blocks cut it", () => {
    const [whole] = errorsIn([blockOf(text)]);
    const all = linesOf(text);
    for (let at = 1; at < all.length; at += 1) {
      const [cut, ...more] = errorsIn([blockOf(all.slice(0, at).join("")), blockOf(all.slice(at).join(""))]);
      expect([cut?.fingerprint, cut?.lines.length, more]).toEqual([whole?.fingerprint, whole?.lines.length, []]);
    }
  });
});

test.each(plainErrors)("finds %s", (line, name, message, category) => {
  const [group, ...more] = errorsIn([blockOf(`before\n${line}\nafter\n`)]);
  expect({ name: group?.name, message: group?.message, category: group?.category }).toEqual({ name, message, category });
  expect(group?.firstSeq).toBe(2);
  expect(more).toEqual([]);
});

test.each(harmless)("finds no error in %s", (line) => {
  expect(errorsIn([blockOf(`${line}\nnext\n${line}\n`)])).toEqual([]);
});

test("a warning with an error's frames is an error that weighs little", () => {
  const text = `2026-01-02T10:11:12Z WARN [db] gave up: TimeoutError: no answer\n    at Pool.get (/workspace/app/pool.js:3:9)\n`;
  expect(errorsIn([blockOf(text)]).map(about)).toEqual([
    { source: "node", category: "runtime", severity: "warning", name: "TimeoutError", message: "no answer" },
  ]);
});

test("the message of an error may have several lines", () => {
  const [group] = errorsIn([
    blockOf("Error: Command failed: make\nfirst\n\nsecond\n    at run (/workspace/app/a.js:1:2)\nlater\n"),
  ]);
  expect(group?.message).toBe("Command failed: make");
  expect(group?.lines).toEqual(["Error: Command failed: make", "first", "", "second", "    at run (/workspace/app/a.js:1:2)"]);
});

test("two errors one after the other are two", () => {
  const found = errorsIn([blockOf("TypeError: a\n    at f (/x/a.js:1:2)\nRangeError: b\n    at g (/x/b.js:1:2)\n")]);
  expect(found.map((group) => group.name)).toEqual(["TypeError", "RangeError"]);
});

describe("JSON logs", () => {
  const stack = "TypeError: Cannot read properties of undefined (reading 'id')\n    at handler (/workspace/app/dist/http.js:3:9)";
  const records: readonly (readonly [string, unknown])[] = [
    ["pino", { level: 50, time: 1, pid: 7, msg: "failed", err: { type: "TypeError", message: "Cannot read", stack } }],
    ["bunyan", { name: "app", level: 50, msg: "failed", err: { name: "TypeError", message: "Cannot read", stack }, v: 0 }],
    ["winston", { level: "error", message: "failed", stack }],
    ["a nested error", { severity: "ERROR", message: "failed", error: { message: "Cannot read", stack } }],
  ];

  test.each(records)("of %s give up the error's stack", (_, record) => {
    const [group, ...more] = errorsIn([blockOf(`before\n${JSON.stringify(record)}\nafter\n`)]);
    expect(more).toEqual([]);
    expect(group).toMatchObject({ source: "node", category: "type", severity: "error", name: "TypeError" });
    expect(group?.lines).toEqual(stack.split("\n"));
    expect(group?.fingerprint).toBe(errorsIn([blockOf(stack)])[0]?.fingerprint);
  });

  test("with a level but no stack tell their message", () => {
    const [group] = errorsIn([blockOf('{"level":60,"time":1,"msg":"cannot go on"}\n')]);
    expect(group).toMatchObject({ source: "plain", severity: "fatal", name: "", message: "cannot go on" });
  });

  test("with a traceback are Python's", () => {
    const exc = 'Traceback (most recent call last):\n  File "/x/a.py", line 3, in f\n    g()\nValueError: no';
    const [group] = errorsIn([blockOf(`${JSON.stringify({ levelname: "ERROR", message: "failed", exc_info: exc })}\n`)]);
    expect(group).toMatchObject({ source: "python", name: "ValueError", message: "no" });
  });

  test("between the lines of a trace do not end it", () => {
    const [first, second] = stack.split("\n");
    const found = errorsIn([blockOf(`${first}\n{"level":30,"msg":"error-free"}\n${second}\n`)]);
    expect(found.map((group) => group.lines)).toEqual([[first, second]]);
  });
});
