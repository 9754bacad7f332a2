import { expect, test } from "vitest";
import { withEveryWord, withNothingSet } from "../../../../src/contract/rules/written.ts";

test.each([
  ["plain", "plain"],
  ["$X", ""],
  ["${X}", ""],
  ["a${X}b$Y", "ab"],
  ["${X:-0}:${Y-1}", "0:1"],
  ["${X:-${Y:-2}}", "2"],
  ["${X:+y}", ""],
  ["${X+y}z", "z"],
  ["$$X", "$X"],
  ["$", "$"],
  ["${X:-a}b}", "ab}"],
  ["${X:?}", undefined],
  ["${X?why}", undefined],
  ["${X:-${Y:?}}", undefined],
  ["${", "${"],
])("%s becomes %j", (written, expected) => expect(withNothingSet(written)).toBe(expected));

test("every word that may stand there is found", () => {
  expect(withEveryWord("${X:+y}-${Z:-${W+v}}$A")).toBe("y-v");
});

test("no text is too deep or too long", () => {
  expect(withNothingSet("${A:-".repeat(100_000))).toBeUndefined();
  expect(withNothingSet("${A:-x}".repeat(100_000))).toHaveLength(100_000);
});
