import { expect, test } from "vitest";
import { describeError, errorDocument, formatDuration, jsonLine, table, visible } from "../../../src/cli/output.ts";
import { recordBytes } from "../../../src/cli/worker-text.ts";
import { NovaError } from "../../../src/model/errors.ts";

test("what an agent wrote cannot drive a terminal", () => {
  expect(visible("a\u001b[2Jb\u001b]0;title\u0007c\u009bd\u202ee")).toBe("a\\x1b[2Jb\\x1b]0;title\\x07c\\x9bd\\x202ee");
  expect(visible("tab\tline\r\nnext käse 🧀")).toBe("tab\tline\nnext käse 🧀");
});

test("JSON cannot drive a terminal either, and stays what it was", () => {
  const written = "a\u001b[2J\u007f\u0080\u009b31m\u009f\u202eb\u2066 käse 🧀";
  const record = { kind: "log", seq: 1, atMs: 1, instance: "app", stream: "stdout", level: null, text: written } as const;
  const line = String(recordBytes(record, "b".repeat(32), "json"));
  expect(line).toContain("\\u001b[2J\\u007f\\u0080\\u009b31m\\u009f\\u202eb\\u2066 käse 🧀");
  expect(JSON.parse(line)).toEqual({ bootID: "b".repeat(32), ...record });
  expect(line).toBe(jsonLine({ bootID: "b".repeat(32), ...record }));
});

test("an error tells what, where, what next and its code", () => {
  const error = new NovaError("GROUP_NOT_FOUND", 'There is no group "x\u001b[31m".', { place: "--group", next: "Add it." });
  const text = describeError(error).join("\n");
  for (const part of ['There is no group "x\\x1b[31m".', "--group", "Add it.", "GROUP_NOT_FOUND"]) expect(text).toContain(part);
  expect(errorDocument(error)).toEqual({
    error: { code: "GROUP_NOT_FOUND", message: error.message, place: "--group", next: "Add it.", facts: {} },
  });
  expect(describeError(new TypeError("oops")).join("\n")).toContain("INTERNAL");
});

test("tables and durations", () => {
  expect(
    table(
      ["A", "LONG"],
      [
        ["xxx", "y"],
        ["z", "w"],
      ],
    ).slice(1),
  ).toEqual(["xxx  y", "z    w"]);
  expect([5, 999, 1500, 119_999, 300_000].map(formatDuration)).toEqual(["5 ms", "999 ms", "1.5 s", "120.0 s", "5 min"]);
  expect([7_199_000, 86_400_000, 604_800_000].map(formatDuration)).toEqual(["120 min", "24 h", "7 days"]);
});
