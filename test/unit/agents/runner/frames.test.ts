import { expect, test } from "vitest";
import { encodeFrame } from "../../../../src/agents/runner/frames.ts";

test("a frame is three whole lines, with the nonce when there is one", () => {
  const output = { status: "success", result: "a\nb\u2028---NOVABOT_OUTPUT_END---" } as const;
  const [first, start, json, end, last] = encodeFrame(output, "n").split("\n");
  expect([first, start, end, last]).toEqual(["", "---NOVABOT_OUTPUT_START---", "---NOVABOT_OUTPUT_END---", ""]);
  expect(JSON.parse(json ?? "")).toEqual({ ...output, nonce: "n" });
  expect(encodeFrame(output, undefined)).not.toContain("nonce");
});

test("half of a character is no broken line", () => {
  const line = encodeFrame({ status: "success", result: "\ud83d" }, undefined).split("\n")[2];
  expect(line).toContain("\\ud83d");
});
