import { describe, expect, test } from "vitest";
import { nonceOf, parseInput, readInput } from "../../../../src/agents/runner/input.ts";

const whole = { prompt: "hi", groupFolder: "family", chatJid: "local:a", isMain: false };
const parse = (value: unknown): ReturnType<typeof parseInput> => parseInput(Buffer.from(JSON.stringify(value)));

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

describe("readInput", () => {
  test("gives all bytes up to its limit, and says when there are more", async () => {
    expect((await readInput(chunks("ab", "cd"), 4)).toString()).toBe("abcd");
    await expect(readInput(chunks("ab", "cde"), 4)).rejects.toThrow("The input is longer than 4 bytes.");
  });
});

describe("parseInput", () => {
  test("fills in Claude Code, and drops what it does not know", () => {
    expect(parse({ ...whole, future: 1 })).toEqual({ ...whole, agent: "claude" });
    expect(parse({ ...whole, sessionId: null, agent: null })).toEqual({ ...whole, agent: "claude" });
  });

  test("takes every field", () => {
    const full = { ...whole, sessionId: "a-1", isScheduledTask: true, nonce: "n", agent: { command: ["sh", "-c", "cat"] } };
    expect(parse(full)).toEqual(full);
    expect(parse({ ...whole, agent: "demo" }).agent).toBe("demo");
  });

  test.each([
    [[], "The input's top level must be a JSON object."],
    [null, "The input's top level must be a JSON object."],
    [{ ...whole, prompt: 1 }, "The input's prompt must be a text."],
    [{ ...whole, groupFolder: undefined }, "The input's groupFolder must be a text."],
    [{ ...whole, isMain: "yes" }, "The input's isMain must be true or false."],
    [{ ...whole, sessionId: "--resume" }, "The input's sessionId must be 1 to 128 letters, digits and . _ : -."],
    [{ ...whole, sessionId: "../x" }, "The input's sessionId must be 1 to 128 letters, digits and . _ : -."],
    [{ ...whole, agent: "other" }, /^The input's agent must be "claude"/],
    [{ ...whole, agent: { command: [] } }, /^The input's agent must be/],
    [{ ...whole, agent: { command: ["a\0b"] } }, /^The input's agent must be/],
    [{ ...whole, nonce: 5 }, "The input's nonce must be a text."],
  ])("refuses %j", (value, message) => {
    expect(() => parse(value)).toThrow(message);
  });
});

test("nonceOf finds the nonce of an input that is otherwise wrong", () => {
  expect(nonceOf(Buffer.from('{"nonce":"n"}'))).toBe("n");
  expect(nonceOf(Buffer.from('{"nonce":5}'))).toBeUndefined();
  expect(nonceOf(Buffer.from("null"))).toBeUndefined();
  expect(nonceOf(Buffer.from("{"))).toBeUndefined();
});
