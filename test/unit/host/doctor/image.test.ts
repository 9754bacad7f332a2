import { expect, test } from "vitest";
import { isOfAnotherVersion } from "../../../../src/host/doctor/image.ts";

test.each([
  [["up to date", "up to date"], false],
  [["up to date", "outdated"], true],
  [["outdated", "up to date"], true],
  [["missing", "outdated"], false],
] as const)("images that are %j: of another version %s", (states, expected) => {
  expect(isOfAnotherVersion(states.map((state) => ({ state })))).toBe(expected);
});
