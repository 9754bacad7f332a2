import { expect, test } from "vitest";
import { quote } from "../../../src/model/errors.ts";
import { formatSize, parseSize } from "../../../src/model/size.ts";

test.each([
  ["2g", 2 * 2 ** 30],
  ["512m", 512 * 2 ** 20],
  ["1.5GiB", 1.5 * 2 ** 30],
  ["64 MB", 64 * 2 ** 20],
  ["1024", 1024],
  ["100b", 100],
  [4096, 4096],
])("%j is %d bytes", (text, bytes) => {
  expect(parseSize(text, "here")).toBe(bytes);
});

test.each(["", "g", "-1g", "2x", "2gg", "1e9", "0", "NaN", "Infinity", "9999999t", "2g; rm"])(
  "%j is no size, and the message names it",
  (text) => {
    expect(() => parseSize(text, "containerConfig.memory")).toThrow(
      expect.objectContaining({
        code: "GROUP_INVALID",
        place: "containerConfig.memory",
        message: expect.stringContaining(JSON.stringify(text)),
      }),
    );
  },
);

test("sizes for people", () => {
  expect([0, 1023, 1024, 1536, 2 * 2 ** 30].map(formatSize)).toEqual(["0 B", "1023 B", "1 KiB", "1.5 KiB", "2 GiB"]);
});

test("what is quoted can neither drive a terminal nor fill it", () => {
  expect(quote("a\u001b[31m\u202eb\u009b")).toBe('"a\\u001b[31m\\u202eb\\u009b"');
  expect(quote("x".repeat(1000)).length).toBeLessThan(140);
  expect(quote(undefined)).toBe('"undefined"');
});
