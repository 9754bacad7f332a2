import { describe, expect, test } from "vitest";
import { isPlain, stripControls } from "../../../../src/supervisor/capture/plain-text.ts";

const ESC = "\u001b";

describe("what somebody reads of a line", () => {
  const samples: readonly (readonly [string, string, string])[] = [
    ["colours", `${ESC}[31mred${ESC}[0m and ${ESC}[1;38;5;208morange${ESC}[m`, "red and orange"],
    ["colours with colons", `${ESC}[38:2::1:2:3mx`, "x"],
    ["cursor and private modes", `${ESC}[2K${ESC}[1G${ESC}[?25lx${ESC}[?25h`, "x"],
    ["a title ended by a bell", `${ESC}]0;title\u0007text`, "text"],
    ["a link ended by ST", `${ESC}]8;;http://x${ESC}\\link${ESC}]8;;${ESC}\\`, "link"],
    ["device control, privacy message, application command", `${ESC}P1$r0m${ESC}\\a${ESC}^x${ESC}\\b${ESC}_y${ESC}\\c`, "abc"],
    ["one-character controls from U+0080 on", "\u009b31mred\u009d0;t\u009cx\u0090q\u009cy\u0085z", "redxyz"],
    ["character sets and other short ones", `${ESC}(Ba${ESC}=b${ESC}7c${ESC}#8d`, "abcd"],
    ["a colour cut by the end", `red${ESC}[31`, "red"],
    ["an escape cut by the end", `red${ESC}`, "red"],
    ["a title cut by the end", `a${ESC}]0;tit`, "a"],
    ["a lone byte that only looks like a string's beginning", "a\u0093quoted\u0094 \u0090 text", "aquoted  text"],
    ["a sequence that another one interrupts", `${ESC}[3${ESC}[31mx`, "x"],
    ["bells, backspaces, nulls", "a\u0007b\bc\0d\u007fe", "abcde"],
    ["a progress line", "10%\r20%\r\r30%\r", "10% 20% 30%"],
    ["tabs and indentation", "\t  x\ty", "\t  x\ty"],
    ["nothing", "", ""],
  ];
  for (const [what, line, text] of samples) {
    test(`without ${what}`, () => {
      expect(stripControls(line)).toBe(text);
      expect(isPlain(stripControls(line))).toBe(true);
    });
  }

  test("a line without any is plain", () => {
    expect(isPlain("grüße, 世界 👍\t{}")).toBe(true);
    for (const control of ["\u0000", "\u001b", "\u007f", "\u0085", "\u009f", "\r"]) expect(isPlain(`a${control}b`)).toBe(false);
  });

  test("hostile lines take time in proportion to their length", () => {
    const pieces = [
      "\u0090",
      "\u009d",
      `${ESC}]`,
      `${ESC}P`,
      `${ESC}[`,
      ESC,
      `${ESC}[1;`,
      `${ESC} `,
      "\u009b;",
      "\r",
      "a\r",
      `${ESC}]a${ESC}`,
      "\u0098\u0007",
    ];
    for (const piece of pieces) {
      const line = piece.repeat(Math.ceil(1_000_000 / piece.length));
      const began = process.cpuUsage();
      stripControls(line);
      expect(process.cpuUsage(began).user / 1000, JSON.stringify(piece)).toBeLessThan(1_000);
    }
  });
});
