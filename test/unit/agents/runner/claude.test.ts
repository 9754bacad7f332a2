import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { claudeArguments, extraDirectories, userMessage } from "../../../../src/agents/runner/claude.ts";
import { ClaudeStream } from "../../../../src/agents/runner/claude-stream.ts";
import type { ContainerOutput } from "../../../../src/model/protocol.ts";

const well = { code: 0, signal: null, stderr: "" };
const session = "0d4f";

function follow(
  events: readonly unknown[],
  exit: Parameters<ClaudeStream["output"]>[0] = well,
): { interim: string[]; log: string; output: ContainerOutput } {
  const interim: string[] = [];
  let log = "";
  const stream = new ClaudeStream({ interim: (text) => void interim.push(text), log: (text) => void (log += text) });
  for (const event of events) stream.line(typeof event === "string" ? event : JSON.stringify(event));
  return { output: stream.output(exit), interim, log };
}

const says = (text: string, more: object = {}): object => ({
  type: "assistant",
  message: { content: [{ type: "text", text }] },
  ...more,
});
const result = (text: string | null, more: object = {}): object => ({
  type: "result",
  subtype: "success",
  is_error: false,
  result: text,
  session_id: session,
  ...more,
});

test("the command line, to the letter", () => {
  expect(claudeArguments(undefined, []).slice(0, -2).join(" ")).toBe(
    "claude -p --input-format stream-json --output-format stream-json --verbose --permission-mode bypassPermissions",
  );
  const [option, tools] = claudeArguments(undefined, []).slice(-2);
  expect(option).toBe("--mcp-config");
  expect(JSON.parse(tools ?? "").mcpServers.novabot).toEqual({
    type: "stdio",
    command: "/usr/local/bin/novabot",
    args: ["mcp"],
    alwaysLoad: true,
  });
  expect(claudeArguments("s-1", ["/workspace/global"]).slice(-4)).toEqual(["--resume", "s-1", "--add-dir", "/workspace/global"]);
});

test("a prompt is one line, whatever is in it", () => {
  const line = userMessage("a\nb\u2028\ud83d");
  expect(line.indexOf("\n")).toBe(line.length - 1);
  expect(JSON.parse(line)).toEqual({
    type: "user",
    message: { role: "user", content: [{ type: "text", text: "a\nb\u2028\ud83d" }] },
  });
});

describe("many turns in one process", () => {
  const begin = (): { interim: string[]; turns: () => number; stream: ClaudeStream } => {
    const interim: string[] = [];
    let turns = 0;
    const stream = new ClaudeStream({
      interim: (text) => void interim.push(text),
      log: () => undefined,
      onTurn: () => void (turns += 1),
    });
    return { interim, turns: () => turns, stream };
  };
  const feed = (stream: ClaudeStream, ...events: readonly object[]): void => {
    for (const event of events) stream.line(JSON.stringify(event));
  };

  test("each give an answer, with what was said before it", () => {
    const { stream, interim, turns } = begin();
    feed(stream, says("Aside."), says("One."), result("One."));
    expect([turns(), stream.endedWell, interim]).toEqual([1, true, ["Aside."]]);
    expect(stream.next()).toEqual({ status: "success", result: "One.", newSessionId: session });
    expect([stream.endedWell, stream.next()]).toEqual([false, undefined]);
    feed(stream, says("One."), result("One."));
    expect(stream.output(well)).toEqual({ status: "success", result: "One.", newSessionId: session });
    expect(interim).toEqual(["Aside."]);
  });

  test("that end in the middle of one are an error", () => {
    const { stream, interim } = begin();
    feed(stream, says("One."), result("One."));
    stream.next();
    feed(stream, says("Half"));
    expect(stream.output({ code: 1, signal: null, stderr: "boom" })).toMatchObject({
      status: "error",
      error: expect.stringContaining("boom"),
    });
    expect(interim).toEqual(["Half"]);
  });

  test("are over with an error", () => {
    const { stream } = begin();
    feed(stream, result("broken", { is_error: true }));
    expect([stream.endedWell, stream.next()]).toEqual([false, undefined]);
    expect(stream.output(well)).toMatchObject({ status: "error", error: "broken" });
  });

  test("give their answer at once when something goes on in the background", () => {
    const { stream, interim } = begin();
    const tasks = (...running: object[]): object => ({ type: "system", subtype: "background_tasks_changed", tasks: running });
    feed(stream, tasks({ task_id: "t" }), says("It runs."), result("It runs."));
    expect(interim).toEqual(["It runs."]);
    feed(stream, tasks(), says("It is done."), result("It is done."));
    expect(interim).toEqual(["It runs."]);
    expect(stream.output(well)).toMatchObject({ status: "success", result: "It is done." });
  });

  test("that Claude Code began by itself lose nothing and double nothing", () => {
    const { stream, interim } = begin();
    feed(stream, says("One."), result("One."), says("The build is done."), says("Two."), result("Two."), result("Three."));
    expect(interim).toEqual(["One.", "The build is done.", "Two."]);
    expect(stream.output(well)).toMatchObject({ status: "success", result: "Three." });
    expect(interim).toHaveLength(3);
    feed(stream, says("a last word without a result"));
    expect(stream.output(well)).toMatchObject({ status: "success", result: null, newSessionId: session });
    expect(interim.slice(3)).toEqual(["Three.", "a last word without a result"]);
  });
});

test("the answer comes once, what was said before it as it came", () => {
  const { interim, output } = follow([
    { type: "system", subtype: "init" },
    says("One."),
    says("Two."),
    says("Three."),
    result("Three."),
  ]);
  expect(interim).toEqual(["One.", "Two."]);
  expect(output).toEqual({ status: "success", result: "Three.", newSessionId: session });
});

test("a last word that is not in the result is not lost", () => {
  const { interim, output } = follow([says("Aside."), result("Answer.")]);
  expect(interim).toEqual(["Aside."]);
  expect(output.result).toBe("Answer.");
});

test("what a subagent says, blank texts, tools and lines that are no events are left out", () => {
  const { interim } = follow([
    says("inner", { parent_tool_use_id: "t1" }),
    says("  "),
    { type: "assistant", message: { content: [{ type: "tool_use", name: "Bash" }] } },
    { type: "assistant", message: {} },
    "not json",
    "null",
    "[]",
    result("ok"),
  ]);
  expect(interim).toEqual([]);
});

test("an error says what Claude Code said, once", () => {
  const failed = follow([says("API Error: 401"), result("API Error: 401", { is_error: true })], {
    code: 1,
    signal: null,
    stderr: "API Error: 401",
  });
  expect(failed).toMatchObject({ interim: [], output: { status: "error", result: null, error: "API Error: 401" } });
  expect(follow([result(null, { subtype: "error_max_turns" })]).output.error).toBe(
    'Claude Code reported "error_max_turns" and no message.',
  );
  expect(follow([result(null, { subtype: "error_during_execution", errors: ["No conversation found", 5] })]).output.error).toBe(
    "No conversation found",
  );
  expect(follow([result("Not logged in", { is_error: true })]).output.error).toMatch(/^Set ANTHROPIC_API_KEY.*\nNot logged in$/);
});

test("no result is an error that tells how the program ended", () => {
  expect(follow([], { code: 1, signal: null, stderr: "boom" }).output.error).toBe("Claude Code exited with status 1: boom");
  expect(follow([], { code: null, signal: "SIGKILL", stderr: "" }).output.error).toBe(
    "Claude Code was ended by SIGKILL and wrote nothing to stderr.",
  );
  expect(follow([]).output.error).toBe("Claude Code exited without a result.");
});

test("an API that does not answer leaves a line in the log", () => {
  const retry = { type: "system", subtype: "api_retry", attempt: 2, max_retries: 10 };
  expect(follow([{ ...retry, error_status: 529 }]).log).toBe("Claude Code: status 529 from the API, try 2 of 10 failed.\n");
  expect(follow([{ ...retry, error_status: null }]).log).toContain("no answer from the API");
});

test("directories that something is mounted on are the agent's as well", async () => {
  const root = await mkdtemp(join(tmpdir(), "novabot-directories-"));
  try {
    await mkdir(join(root, "global"));
    await mkdir(join(root, "extra/webapp"), { recursive: true });
    expect(extraDirectories(root)).toEqual([`${root}/extra/webapp`]);
    await writeFile(join(root, "global/CLAUDE.md"), "");
    expect(extraDirectories(root)).toEqual([`${root}/global`, `${root}/extra/webapp`]);
    expect(extraDirectories(join(root, "none"))).toEqual([]);
  } finally {
    await rm(root, { recursive: true });
  }
});
