import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { claudeArguments, ClaudeStream, extraDirectories } from "../../../../src/agents/runner/claude.ts";
import type { ContainerOutput } from "../../../../src/model/protocol.ts";

const well = { code: 0, signal: null, stderr: "" };
const session = "0d4f";

function follow(
  events: readonly unknown[],
  exit: Parameters<ClaudeStream["output"]>[0] = well,
): { interim: string[]; log: string; output: ContainerOutput } {
  const interim: string[] = [];
  let log = "";
  const stream = new ClaudeStream(
    (text) => interim.push(text),
    (text) => (log += text),
  );
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
  expect(claudeArguments(undefined, []).join(" ")).toBe(
    "claude -p --output-format stream-json --verbose --permission-mode bypassPermissions",
  );
  expect(claudeArguments("s-1", ["/workspace/global"]).slice(7)).toEqual(["--resume", "s-1", "--add-dir", "/workspace/global"]);
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
  expect(follow([result("Not logged in", { is_error: true })]).output.error).toContain("Set ANTHROPIC_API_KEY");
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
