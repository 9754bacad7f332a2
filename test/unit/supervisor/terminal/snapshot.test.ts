import * as fc from "fast-check";
import { expect, test } from "vitest";
import { snapshot } from "../../../../src/supervisor/terminal/snapshot.ts";
import { stateOf, take, viewerTerminal } from "./screens.ts";

function redrawn(columns: number, rows: number, output: string): [unknown, unknown] {
  const one = viewerTerminal(columns, rows);
  take(one, output);
  const other = viewerTerminal(columns, rows);
  take(other, snapshot(one, ""));
  return [stateOf(other), stateOf(one)];
}

const number = fc.integer({ min: 0, max: 14 });
const final = (letters: string): fc.Arbitrary<string> => fc.constantFrom(...letters);
const styles = ["1", "2", "3", "4", "4:3", "5", "7", "8", "9", "53", "22", "24", "31", "42", "97", "104", "38;5;200", "48;5;77"];
const moreStyles = ["38;2;1;2;3", "48;2;250;0;9", "58:5:9", "58:2::1:2:3", "39", "49", "0", "27"];
const modes = [1, 6, 7, 9, 12, 25, 45, 47, 66, 1000, 1002, 1003, 1004, 1006, 1016, 1047, 1048, 1049, 2004, 2026];
const step = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: fc.constantFrom(...Array.from("abcdefgxyz  é漢字🙂─"), "e\u0301"), maxLength: 30 }) },
  { weight: 4, arbitrary: fc.constantFrom("\r\n", "\n", "\r", "\b", "\t", "\x1bM", "\x1bD", "\x1bE", "\x0e", "\x0f") },
  {
    weight: 4,
    arbitrary: fc.tuple(number, final("ABCDEFGHIJKLMPSTXZ@dbae`")).map(([count, letter]) => `\x1b[${count}${letter}`),
  },
  { weight: 3, arbitrary: fc.tuple(number, number).map(([row, column]) => `\x1b[${row};${column}H`) },
  { weight: 3, arbitrary: fc.constantFrom(...styles, ...moreStyles).map((style) => `\x1b[${style}m`) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...modes), final("hl")).map(([mode, set]) => `\x1b[?${mode}${set}`) },
  { weight: 1, arbitrary: fc.tuple(number, number).map(([top, bottom]) => `\x1b[${top};${bottom}r`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "\x1b7",
      "\x1b8",
      "\x1b(0",
      "\x1b(B",
      "\x1b)0",
      "\x1b[4h",
      "\x1b[4l",
      "\x1b[3g",
      "\x1bH",
      "\x1b[3 q",
      "\x1b[!p",
      "\x1bc",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "\x1b]8;;http://a/\x1b\\",
      "\x1b]8;id=x;http://b/\x1b\\",
      "\x1b]8;;\x1b\\",
      '\x1b[1"q',
      '\x1b[0"q',
    ),
  },
);

test("whatever a program wrote, a snapshot makes the same terminal again", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 2, max: 12 }),
      fc.integer({ min: 2, max: 6 }),
      (steps, columns, rows) => {
        const [got, wanted] = redrawn(columns, rows, steps.join(""));
        expect(got).toEqual(wanted);
      },
    ),
    // The same ones each time; another SEED and more RUNS search further by hand.
    { numRuns: Number(process.env["RUNS"] ?? 300), seed: Number(process.env["SEED"] ?? 1) },
  );
});
