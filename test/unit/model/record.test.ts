import { expect, it } from "vitest";
import { workerRecordSchema } from "../../../src/model/record.ts";

const line = { kind: "log", seq: 1, atMs: 1, instance: "a", stream: "stdout", level: null, text: "x" };
const group = {
  fingerprint: "0123456789abcdef",
  instance: "a",
  category: "runtime",
  severity: "error",
  source: "node",
  name: "Error",
  message: "x",
  count: 1,
  firstSeenMs: 1,
  lastSeenMs: 1,
  firstSeq: 1,
  lastSeq: 1,
  lines: ["x"],
  before: [],
};
const error = { kind: "error", seq: 1, atMs: 1, instance: "a", group };

it.each<[string, boolean, unknown]>([
  ["a line", true, line],
  ["a line of a time that no calendar has", false, { ...line, atMs: 1e300 }],
  ["a line of an instance with a sequence for terminals", false, { ...line, instance: "\u001b]0;x\u0007" }],
  ["an error", true, error],
  ["an error of a time that no calendar has", false, { ...error, group: { ...group, lastSeenMs: 9e15 } }],
  ["an error of a source with a sequence for terminals", false, { ...error, group: { ...group, source: "\u001b]0;x\u0007" } }],
])("%s is a record of a worker: %s", (_, isOne, record) => {
  expect(workerRecordSchema.safeParse(record).success).toBe(isOne);
});
