import { expect, test } from "vitest";
import { parseDotenv } from "../../../../src/contract/compose/dotenv.ts";

const parse = (text: string): Record<string, string> =>
  Object.fromEntries(parseDotenv(text, (name) => (name === "OUTSIDE" ? "outside" : undefined)));

test.each([
  ["A=1", { A: "1" }],
  ["export A=1\nB = 2\nC: 3", { A: "1", B: "2", C: "3" }],
  ["A=1 # comment\nB=1#2\n# whole\n\n  C=3", { A: "1", B: "1#2", C: "3" }],
  ["A='$OUTSIDE \\n'\nB=\"$OUTSIDE \\n\"\nC=$OUTSIDE", { A: "$OUTSIDE \\n", B: "outside \n", C: "outside" }],
  ['A=\'it\\\'s\'\nB="say \\"x\\" \\$A"', { A: "it's", B: 'say "x" $A' }],
  ['A="one\ntwo"\nB=3', { A: "one\ntwo", B: "3" }],
  ["A=1\nB=${A}2${NONE:-3}", { A: "1", B: "123" }],
  ["OUTSIDE\nNONE\nA=1", { OUTSIDE: "outside", A: "1" }],
  ["\uFEFFA=1\r\nB=2\r\n", { A: "1", B: "2" }],
  ["A=\nB=''", { A: "", B: "" }],
  ['A="\\0101"', { A: "A" }],
])("%j is %j", (text, expected) => {
  expect(parse(text)).toEqual(expected);
});

test.each([
  ["A=1\nB C=2", 2],
  ["\nA!=1", 2],
  ["A='open\n", 1],
])("%j is refused in line %i", (text, line) => {
  expect(() => parse(text)).toThrow(expect.objectContaining({ line }));
});
