import { expect, it } from "vitest";
import { LINE_LIMIT, type LogRecord, logRecordSchema } from "../../../../src/model/record.ts";
import { isUsualLog } from "../../../../src/workers/link/log-records.ts";

const usual: LogRecord = { kind: "log", seq: 1, atMs: 1_000, instance: "app", stream: "stdout", level: null, text: "a line" };

const values: readonly unknown[] = [
  undefined,
  null,
  true,
  "",
  "app",
  "x".repeat(65),
  "-app",
  "stderr",
  "fatal",
  "log",
  "error",
  "x".repeat(LINE_LIMIT),
  "x".repeat(LINE_LIMIT + 1),
  0,
  -0,
  -1,
  1.5,
  2 ** 53,
  Number.MAX_SAFE_INTEGER,
  8_640_000_000_000_000,
  8_640_000_000_000_001,
  1e308,
  [],
  {},
  ["app"],
];

it("takes what the schema takes of the usual form, and nothing that the schema would not take", () => {
  expect(isUsualLog(usual)).toBe(true);
  let taken = 0;
  for (const name of [...Object.keys(usual), "raw", "part", "unended", "more", "__proto__", "toString"]) {
    for (const value of values) {
      // As it comes: out of JSON, where `__proto__` is a name like any other.
      const json = `${JSON.stringify(usual).slice(0, -1)},${JSON.stringify(name)}:${JSON.stringify(value) ?? "null"}}`;
      const record: unknown = JSON.parse(json);
      const read = logRecordSchema.safeParse(record);
      const isPlain = !["raw", "part", "unended"].includes(name);
      expect(isUsualLog(record), json.slice(0, 200)).toBe(read.success && isPlain);
      if (isUsualLog(record)) taken++;
    }
    const { [name as keyof LogRecord]: _left, ...less } = usual;
    expect(isUsualLog(less), `without ${name}`).toBe(logRecordSchema.safeParse(less).success);
  }
  expect(taken).toBeGreaterThan(10);
  for (const value of values) expect(isUsualLog(value)).toBe(false);
});
