import { expect, test } from "vitest";
import { descendants } from "../../../../src/host/machine/processes.ts";

test("descendants are all that a process has started", () => {
  const all = [
    [1, 0],
    [2, 1],
    [3, 2],
    [4, 1],
    [5, 4],
  ].map(([pid, parent]) => ({ pid: pid ?? 0, parent: parent ?? 0, argv: [] }));
  expect(
    descendants(
      all,
      all.filter(({ pid }) => pid === 2),
    ).map(({ pid }) => pid),
  ).toEqual([3]);
  expect(
    descendants(
      all,
      all.filter(({ pid }) => pid === 1),
    ).map(({ pid }) => pid),
  ).toEqual([2, 4, 3, 5]);
});
