import { describe, expect, test } from "vitest";
import type { LineBlock } from "../../../../src/supervisor/capture/line-block.ts";
import { levelOf, recordOf } from "../../../../src/supervisor/capture/record-of.ts";
import { randomBelow } from "../../../fixtures/seeded-random.ts";

function block(lines: readonly (Buffer | string)[], flags: { goesOn?: boolean; continues?: boolean } = {}): LineBlock {
  const pieces = lines.map((line) => Buffer.from(line));
  let at = 0;
  const ends = Uint32Array.from(pieces.map(({ length }) => (at += length)));
  return {
    instance: "a",
    stream: "stdout",
    atMs: 1,
    bytes: Buffer.concat(pieces),
    ends,
    goesOn: false,
    continues: false,
    ...flags,
  };
}

const one = (line: Buffer | string): ReturnType<typeof recordOf> => recordOf(block([line]), 0);
const base64 = (bytes: Buffer | string): string => Buffer.from(bytes).toString("base64");

describe("the record of a line", () => {
  test("is the line itself where it is plain text", () => {
    expect(one("  grüße 世界\n")).toEqual({ level: null, text: "  grüße 世界" });
    expect(one("\n")).toEqual({ level: null, text: "" });
    expect(one("U+FFFD itself: \ufffd\n")).toEqual({ level: null, text: "U+FFFD itself: \ufffd" });
  });

  test("keeps the bytes where the text does not give them back", () => {
    expect(one("\u001b[31mERROR\u001b[0m no\n")).toEqual({
      level: "error",
      text: "ERROR no",
      raw: base64("\u001b[31mERROR\u001b[0m no"),
    });
    expect(one("line\r\n")).toEqual({ level: null, text: "line", raw: base64("line\r") });
    const broken = Buffer.from([0x61, 0xff, 0x62, 0xc3, 0x0a]);
    expect(one(broken)).toEqual({ level: null, text: "a\ufffdb\ufffd", raw: base64(broken.subarray(0, -1)) });
  });

  test("knows the control characters of eight-bit encodings", () => {
    const line = Buffer.concat([Buffer.from([0x9b]), Buffer.from("31mé red"), Buffer.from([0x9b]), Buffer.from("0m\n")]);
    expect(one(line)).toMatchObject({ text: "é red" });
    expect(one(Buffer.from([0x93, 0x68, 0x69, 0x94, 0x0a]))).toMatchObject({ text: "hi" });
  });

  test("decodes as Node does, whatever the bytes, where no control character is among them", () => {
    const random = randomBelow(1);
    for (let round = 0; round < 2_000; round += 1) {
      const line = Array.from({ length: 24 }, () => {
        const byte = random(256);
        return byte < 0x20 || byte === 0x7f ? 0x41 : byte;
      });
      const bytes = Buffer.from(line);
      const { raw, text } = one(bytes);
      expect(Buffer.from(raw ?? base64(text), "base64")).toEqual(bytes);
      expect(/[\0-\u001f\u007f-\u009f]/.test(text)).toBe(false);
    }
  });

  test("tells the parts of a line and its missing end", () => {
    const first = block(["a\n", "b"], { continues: true });
    expect(recordOf(first, 0)).toEqual({ level: null, text: "a" });
    expect(recordOf(first, 1)).toEqual({ level: null, text: "b", part: "begins" });
    expect(recordOf(block(["b"], { goesOn: true, continues: true }), 0)).toEqual({ level: null, text: "b", part: "goes on" });
    const last = block(["ERROR: b\n", "ERROR: c"], { goesOn: true });
    expect(recordOf(last, 0)).toEqual({ level: null, text: "ERROR: b", part: "ends" });
    expect(recordOf(last, 1)).toEqual({ level: "error", text: "ERROR: c", unended: true });
    expect([levelOf(last, 0), levelOf(last, 1)]).toEqual([null, "error"]);
  });

  test("has the same level that is counted", () => {
    const long = "x".repeat(10_000);
    for (const line of [
      `[warn] ${long}`,
      `${long} [warn]`,
      `{"x":"${long}","level":40}`,
      "\u001b[33mWARN\u001b[0m x",
      "no",
      "世 WARN",
    ]) {
      expect(levelOf(block([`${line}\n`]), 0)).toBe(recordOf(block([`${line}\n`]), 0).level);
    }
  });
});
