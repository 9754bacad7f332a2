import { expect, test } from "vitest";
import { goMatches } from "../../../../src/secrets/sops/go-regex.ts";

test.each([
  ["^secrets/.*\\.env$", "secrets/local/x.env", true],
  ["^secrets/(local|prod)/[a-z-]+\\.env$", "secrets/prod/waha.env", true],
  ["(?i)PASSWORD", "db_password", true],
  ["^(?:A|B)_?\\d{2,3}$", "A_123", true],
  ["[^/]+$", "a/", false],
  ["\\bkey\\b", "a key b", true],
  ["a{2}", "aa", true],
  ["^((a)|b+)+$", "aab", true],
  ["^data$|^stringData$", "stringData", true],
])("%s is read as Go reads it", (pattern, text, expected) => {
  expect(goMatches(pattern, [text], "x").has(text)).toBe(expected);
});

test.each([
  "\\z",
  "\\A",
  "\\pL",
  "\\Qa\\E",
  "[[:alpha:]]",
  "(?P<name>a)",
  "(?<name>a)",
  "(?=a)",
  "(?!a)",
  "(a)\\1",
  "a(?i)b",
  "\\s",
  "[",
  "a{,3}",
  "a**",
  "a".repeat(1001),
  "\\x41",
])("%s is refused", (pattern) => {
  expect(() => goMatches(pattern, [], "x")).toThrow(expect.objectContaining({ code: "SECRETS_INVALID" }) as Error);
});

test.each(["^((a)a*)*$", "^(a|a)*$"])("%s ends in time", (pattern) => {
  expect(() => goMatches(pattern, [`${"a".repeat(39)}!`], "x")).toThrow(/takes too long/);
});
