import { expect, test } from "vitest";
import { mergeRows } from "../../../../src/secrets/edit/merge.ts";
import type { PlainRow } from "../../../../src/secrets/sops/document.ts";
import { readRows, writeRows } from "../../../../src/secrets/sops/rows.ts";

const merge = (base: string, mine: string, theirs: string): string => {
  const [one, two, three] = [base, mine, theirs].map((text): PlainRow[] => readRows(text.replaceAll(" ", "\n"), "x"));
  return writeRows(mergeRows(one ?? [], two ?? [], three ?? [], "x"))
    .trimEnd()
    .replaceAll("\n", " ");
};

test.each([
  ["A=1 B=2", "A=3 B=2", "A=1 B=2", "A=3 B=2"],
  ["A=1 B=2", "A=3 B=2", "A=1 B=4", "A=3 B=4"],
  ["A=1 B=2", "A=1", "A=1 B=2 C=3", "A=1 C=3"],
  ["A=1 B=2", "A=1 B=2 C=3", "B=2", "B=2 C=3"],
  ["A=1", "A=2", "A=2", "A=2"],
  ["#c A=1", "#d A=1", "#c A=2", "#d A=2"],
  ["#c A=1", "#c A=2", "#d A=1 B=1", "#d A=2 B=1"],
  ["#c A=1", "#d A=2", "#d A=1", "#d A=2"],
])("of %j, %j and %j it makes %j", (base, mine, theirs, expected) => {
  expect(merge(base, mine, theirs)).toBe(expected);
});

test.each([
  ["A=1", "A=2", "A=3", /"A" too/],
  ["A=1", "A=2", "", /"A" too/],
  ["A=1", "", "A=2", /"A" too/],
  ["A=1", "A=1 B=2", "A=1 B=3", /"B" too/],
  ["#c", "#d", "#e", /the comments too/],
])("of %j, %j and %j it makes nothing", (base, mine, theirs, message) => {
  expect(() => merge(base, mine, theirs)).toThrow(message);
});

test("ciphertext of the file as it stands is kept, an older one's is not", () => {
  const base: PlainRow[] = [
    { kind: "value", name: "A", value: "1", written: "old A" },
    { kind: "value", name: "B", value: "2", written: "old B" },
  ];
  const theirs: PlainRow[] = [
    { kind: "value", name: "A", value: "1", written: "new A" },
    { kind: "value", name: "B", value: "2", written: "new B" },
  ];
  const mine: PlainRow[] = [base[0] as PlainRow, { kind: "value", name: "B", value: "3" }];
  expect(mergeRows(base, mine, theirs, "x")).toEqual([theirs[0], { kind: "value", name: "B", value: "3" }]);
});
