import { describe, expect, test } from "vitest";
import {
  checkPeriod,
  parseBoot,
  parseCount,
  parseDuration,
  parseDurationFrom,
  parseFingerprint,
  parseInstances,
  parseNames,
  parseText,
  parseTime,
} from "../../../src/model/option-values.ts";

describe("a duration", () => {
  test.each([
    ["500ms", 500],
    ["10s", 10_000],
    ["10", 10_000],
    ["0", 0],
    ["1.5h", 5_400_000],
    ["5m", 300_000],
    ["5min", 300_000],
    ["1h30m", 5_400_000],
    ["2d", 172_800_000],
  ])("%s", (text, ms) => expect(parseDuration(text)).toBe(ms));
  test.each(["", "m", "-5m", "5 m", "5y", "5m!", "1e3s"])("%j is none", (text) =>
    expect(() => parseDuration(text)).toThrow("is no duration"),
  );
});

describe("a time", () => {
  const now = Date.parse("2026-11-21T12:00:00Z");
  test.each([
    ["10m", now - 600_000],
    ["1h30m", now - 5_400_000],
    ["2026-11-21T08:00:00Z", now - 4 * 3_600_000],
    ["2026-11-21T08:00:00.500+01:00", now - 5 * 3_600_000 + 500],
    ["2026-11-20", new Date(2026, 10, 20).getTime()],
    ["2026-11-20 08:30", new Date(2026, 10, 20, 8, 30).getTime()],
  ])("%s", (text, atMs) => expect(parseTime(text, now)).toBe(atMs));
  test.each(["", "yesterday", "2026-13-01", "17", "10 minutes"])("%j is none", (text) =>
    expect(() => parseTime(text, now)).toThrow("is no time"),
  );
});

test("names, counts and instances are told apart from what they are not", () => {
  const names = parseNames(["info", "warn"] as const);
  expect(names("WARN,info", ["warn"])).toEqual(["warn", "info"]);
  expect(() => names("warn,loud")).toThrow('"loud" is none of info, warn.');
  expect(parseInstances("a,b", ["a"])).toEqual(["a", "b"]);
  expect(() => parseInstances("a,../b")).toThrow("must be 1 to 64 letters");
  expect(parseCount(1, 10)("10")).toBe(10);
  expect(() => parseCount(1, 10)("11")).toThrow("is no whole number from 1 to 10");
});

test("a duration may be bounded, for clocks that count no further", () => {
  const parse = parseDurationFrom("1s", "1d");
  expect([parse("1s"), parse("24h")]).toEqual([1000, 86_400_000]);
  for (const text of ["0", "999ms", "25h", "30d"]) expect(() => parse(text)).toThrow(`"${text}" is not between 1s and 1d.`);
});

test("a period that ends before it begins is refused, and not just empty", () => {
  expect(() => checkPeriod(2000, 1000)).toThrow("--since is 1970-01-01T00:00:02.000Z, and --until is before that");
  for (const [since, until] of [
    [1000, 1000],
    [undefined, 1],
    [1, undefined],
  ] as const)
    checkPeriod(since, until);
});

test("ids and texts are told apart from what they are not, before anybody is asked", () => {
  expect(parseFingerprint("0123456789abcdef")).toBe("0123456789abcdef");
  expect(() => parseFingerprint("zz")).toThrow("16 hexadecimal digits");
  expect(parseBoot("0".repeat(32))).toHaveLength(32);
  expect(() => parseBoot("zz")).toThrow("32 hexadecimal digits");
  expect(parseText("x")).toBe("x");
  for (const text of ["", "x".repeat(1025)]) expect(() => parseText(text)).toThrow("1 to 1024 characters");
});
