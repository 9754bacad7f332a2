import { describe, expect, test } from "vitest";
import { identityOf, parseInput, readInput } from "../../../../src/agents/runner/input.ts";
import { inputLines } from "../../../../src/agents/runner/input-lines.ts";

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

  test("does not wait for the end after a first line that is whole", async () => {
    async function* endless(...texts: string[]): AsyncGenerator<Uint8Array> {
      yield* chunks(...texts);
      await new Promise(() => undefined);
    }
    expect((await readInput(endless('{"a":', "{}}\n"))).toString()).toBe('{"a":{}}\n');
    expect((await readInput(chunks('{"a":\n{}\n', "}"))).toString()).toBe('{"a":\n{}\n}');
  });
});

describe("parseInput", () => {
  test("fills in Claude Code, and drops what it does not know", () => {
    expect(parse({ ...whole, future: 1 })).toEqual({ ...whole, agent: "claude" });
    expect(parse({ ...whole, sessionId: null, agent: null })).toEqual({ ...whole, agent: "claude" });
  });

  test("takes every field", () => {
    const full = {
      ...whole,
      sessionId: "a-1",
      isScheduledTask: true,
      nonce: "n",
      run: "r-1",
      agent: { command: ["sh", "-c", "cat"] },
      deadlineMs: 5,
      variables: { ANTHROPIC_API_KEY: "token" },
      gateway: { broker: true, proxy: false },
      guard: "exit 0",
      followUps: true,
    };
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
    [{ ...whole, run: "" }, "The input's run must be 1 to 64 characters."],
    [{ ...whole, variables: [] }, /^The input's variables must be an object/],
    [{ ...whole, variables: { "a=b": "" } }, /^The input's variables must be an object/],
    [{ ...whole, variables: { A: 1 } }, "The input's variables.A must be a text."],
    [{ ...whole, gateway: { broker: true } }, /^The input's gateway must be/],
    [{ ...whole, gateway: null }, /^The input's gateway must be/],
    [{ ...whole, guard: " " }, "The input's guard must be a shell script."],
    [{ ...whole, followUps: 1 }, "The input's followUps must be true or false."],
  ])("refuses %j", (value, message) => {
    expect(() => parse(value)).toThrow(message);
  });
});

test("identityOf finds the nonce and the run of an input that is otherwise wrong", () => {
  expect(identityOf(Buffer.from('{"nonce":"n","run":"r"}'))).toEqual({ nonce: "n", run: "r" });
  expect(identityOf(Buffer.from('{"nonce":5,"run":[]}'))).toEqual({});
  expect(identityOf(Buffer.from("null"))).toEqual({});
  expect(identityOf(Buffer.from("{"))).toEqual({});
});

describe("inputLines", () => {
  const linesOf = async (limit: number, ...texts: string[]): Promise<(string | undefined)[]> => {
    const lines: (string | undefined)[] = [];
    for await (const line of inputLines(chunks(...texts), limit)) lines.push(line instanceof Error ? undefined : line.toString());
    return lines;
  };

  test("gives each line, however it came, and leaves out blank ones", async () => {
    expect(await linesOf(100, "a", "b\n\nc\r", "\n \nd\ne")).toEqual(["ab", "c\r", "d", "e"]);
    expect(await linesOf(100)).toEqual([]);
  });

  test("tells of a line that is too long, and goes on after it", async () => {
    expect(await linesOf(3, "abc\nab", "cd", "ef\nx\n", "long")).toEqual(["abc", undefined, "x", undefined]);
  });

  test("reads on only when it is asked", async () => {
    let read = 0;
    const source = (async function* () {
      for (; read < 3; read += 1) yield Buffer.from("a\nb\n");
    })();
    const lines = inputLines(source);
    await lines.next();
    await lines.next();
    expect(read).toBe(0);
  });
});
