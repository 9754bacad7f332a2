import { expect, test } from "vitest";
import { leaveForIdle, leaveForWork, type Occupant } from "../../../../src/agents/pool/room.ts";

const bounds = { containers: 5, warm: 2, memoryBytes: 100 };

function occupant(usedAt: number, changes: Partial<Occupant> = {}): Occupant {
  return { kept: false, memoryBytes: 10, usedAt, ...changes };
}

const used = (leaving: readonly Occupant[] | null): number[] | null => leaving && leaving.map(({ usedAt }) => usedAt);

test.each([
  ["nobody leaves while there is room", [1, 2], 3, []],
  ["the longest unused leaves first", [3, 1, 2], 3, [1]],
  ["as many as are needed", [3, 1, 2], 4, [1, 2]],
  ["all, when all are needed", [1, 2], 5, [1, 2]],
])("for work: %s", (_, idle, working, leaving) => {
  expect(
    used(
      leaveForWork(
        idle.map((usedAt) => occupant(usedAt)),
        working,
        bounds,
      ),
    ),
  ).toEqual(leaving);
});

test.each<[string, readonly Occupant[], number, Partial<Occupant>, number[] | null]>([
  ["there is room", [occupant(1)], 1, {}, []],
  ["the number of warm ones is reached", [occupant(2), occupant(1)], 0, {}, [1]],
  ["kept ones do not count as warm", [occupant(2, { kept: true }), occupant(1, { kept: true })], 0, {}, []],
  ["a kept one is not in a warm one's way", [occupant(1, { kept: true }), occupant(3), occupant(2)], 0, {}, [2]],
  ["a newcomer that is kept does not count as warm", [occupant(1), occupant(2)], 0, { kept: true }, []],
  ["work leaves no room at all", [], 5, {}, null],
  ["work leaves room for one", [occupant(1)], 4, {}, [1]],
  ["it is larger than all memory", [occupant(1)], 0, { memoryBytes: 101 }, null],
  ["it fits the memory exactly", [], 0, { memoryBytes: 100 }, []],
  [
    "others make room in memory",
    [occupant(2, { memoryBytes: 60, kept: true }), occupant(1, { memoryBytes: 30 })],
    0,
    { memoryBytes: 50 },
    [1, 2],
  ],
])("for one that waits: %s", (_, idle, working, newcomer, leaving) => {
  expect(used(leaveForIdle(idle, working, occupant(9, newcomer), bounds))).toEqual(leaving);
});

test("no warm ones where they are switched off, but kept ones", () => {
  const off = { ...bounds, warm: 0 };
  expect(leaveForIdle([], 0, occupant(1), off)).toBeNull();
  expect(leaveForIdle([], 0, occupant(1, { kept: true }), off)).toEqual([]);
});
