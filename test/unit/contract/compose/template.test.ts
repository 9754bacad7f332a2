import { expect, test } from "vitest";
import { substitute } from "../../../../src/contract/compose/template.ts";

const values: Readonly<Record<string, string>> = { SET: "s", EMPTY: "" };
const put = (text: string): string => substitute(text, (name) => values[name]).text;

test.each([
  ["$SET-${SET}", "s-s"],
  ["$$SET $${SET}", "$SET ${SET}"],
  ["${EMPTY:-d}|${EMPTY-d}|${NONE-d}", "d||d"],
  ["${SET:+a}|${EMPTY:+a}|${EMPTY+a}|${NONE+a}", "a||a|"],
  ["${NONE:-${ALSO:-${SET}}}", "s"],
  ['${NONE:-{"a":{"b":1}}}', '{"a":{"b":1}}'],
  ["$1 5$ $-", "$1 5$ $-"],
  ["${NONE:-a}b${SET}", "abs"],
  ["${NONE:-{}}", "{}"],
])("%s becomes %s", (text, expected) => {
  expect(put(text)).toBe(expected);
});

test.each(["${}", "${1}", "${SET", "${SET:x}", "${SET:-a\nb}"])("%j cannot be read", (text) => {
  expect(() => put(text)).toThrow(/a variable that Compose cannot read/);
});

test("a required variable tells its own words", () => {
  expect(() => put("${NONE:?set it to $SET}")).toThrow("the variable NONE must have a value: set it to s");
  expect(() => put("${EMPTY:?}")).toThrow("the variable EMPTY must have a value");
  expect(put("${EMPTY?}")).toBe("");
});

test("the variables are told in order, with those of defaults", () => {
  expect(substitute("$SET ${A:-${B}}", (name) => values[name]).variables).toEqual([
    { name: "SET", unset: false },
    { name: "A", unset: true },
    { name: "B", unset: true },
  ]);
});

test("millions of variables, and braces that never close, end soon", () => {
  expect(put("${SET:-x}".repeat(300_000))).toHaveLength(300_000);
  expect(() => put("${A:-{".repeat(300_000))).toThrow("Compose cannot read");
  expect(() => put(`${"${A:-{a}".repeat(100_000)}}`)).toThrow("too many variables");
  expect(() => put(`${"${A:-".repeat(2000)}x${"}".repeat(2000)}`)).toThrow(/nested/);
});
