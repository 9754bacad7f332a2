import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Engine } from "../../src/engine/engine.ts";
import { findEngine } from "../../src/host/engines/find.ts";
import { type AgentResult, type GroupFolders, makeGroupFolders, runAgentContainer } from "../fixtures/agent-container.ts";
import { findGateway } from "../fixtures/messages-api/gateway.ts";
import {
  conversationText,
  type MessagesAPI,
  type MessagesRequest,
  type Reply,
  startMessagesAPI,
} from "../fixtures/messages-api/server.ts";

let engine: Engine;
let api: MessagesAPI;
let gateway: string;
let reply: (request: MessagesRequest) => Reply;
const folders: GroupFolders[] = [];

beforeAll(async () => {
  engine = await findEngine(process.env);
  gateway = await findGateway(engine);
  api = await startMessagesAPI("0.0.0.0", (request) => reply(request));
});
beforeEach(() => {
  api.requests.length = 0;
});
afterAll(async () => {
  await api.close();
  for (const each of folders) await each.remove();
});

async function makeFolders(): Promise<GroupFolders> {
  const made = await makeGroupFolders();
  folders.push(made);
  return made;
}

function ask(group: GroupFolders, prompt: string, more: { sessionId?: string; uid?: number } = {}): Promise<AgentResult> {
  const { sessionId, uid } = more;
  return runAgentContainer(engine, {
    folders: group,
    network: "default",
    input: { prompt, ...(sessionId === undefined ? {} : { sessionId }) },
    env: { ANTHROPIC_BASE_URL: `http://${gateway}:${api.port}`, ANTHROPIC_API_KEY: "sk-stand-in" },
    ...(uid === undefined ? {} : { uid }),
  });
}

describe("Claude Code itself, talking to a stand-in for the Messages API", () => {
  test("gets the prompt, answers, and carries the first turn into the second", async () => {
    const group = await makeFolders();
    await writeFile(join(group.group, "CLAUDE.md"), "The group's memory: bluebird.");
    reply = () => ({ text: "The first answer." });
    const first = await ask(group, "Remember the number 4711.");
    expect(first.frames).toEqual([
      {
        status: "success",
        result: "The first answer.",
        newSessionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        nonce: "n0nce",
        final: true,
      },
    ]);
    expect(first.exit.exitCode).toBe(0);
    expect(api.keys.at(-1)).toContain("sk-stand-in");
    const told = conversationText(api.requests.at(-1)!);
    expect(told).toContain("Remember the number 4711.");
    expect(told).toContain("bluebird");

    reply = () => ({ text: "The second answer." });
    const second = await ask(group, "Which number?", { sessionId: String(first.frames[0]?.newSessionId) });
    expect(second.frames.at(-1)).toMatchObject({ status: "success", result: "The second answer." });
    const carried = conversationText(api.requests.at(-1)!);
    expect(carried).toContain("Remember the number 4711.");
    expect(carried).toContain("The first answer.");
    expect(carried).toContain("Which number?");
  });

  test("sends what it says between tools as it comes, and the answer once", async () => {
    const group = await makeFolders();
    reply = (request) =>
      conversationText(request).includes("tool_result")
        ? { text: "It is done." }
        : { text: "Let me look.", tool: { name: "Bash", input: { command: "id -u > made.txt; id -u", description: "Look" } } };
    const { frames } = await ask(group, "Do it.");
    expect(frames.map(({ status, result }) => [status, result])).toEqual([
      ["success", "Let me look."],
      ["success", "It is done."],
    ]);
    expect(frames.map(({ newSessionId }) => newSessionId !== undefined)).toEqual([false, true]);
    expect(conversationText(api.requests.at(-1)!)).toContain("1000");
  });

  test("works as a user that the image does not know", async () => {
    reply = () => ({ text: "Hello 1001." });
    const { frames } = await ask(await makeFolders(), "Hello.", { uid: 1001 });
    expect(frames.at(-1)).toMatchObject({ status: "success", result: "Hello 1001." });
  });

  test("reads a prompt that is larger than an argument can be", async () => {
    reply = () => ({ text: "Long." });
    const { frames } = await ask(await makeFolders(), `${"word ".repeat(40_000)}the end`);
    expect(frames.at(-1)).toMatchObject({ status: "success", result: "Long." });
    expect(conversationText(api.requests.at(-1)!)).toContain("the end");
  });

  test.each([
    [401, "the key is wrong", /401.*the key is wrong/],
    [500, "it fell over", /500.*it fell over/],
  ])("reports status %i of the API as the agent's error", async (status, error, shown) => {
    reply = () => ({ status, error });
    const { frames, exit } = await ask(await makeFolders(), "Hello.");
    expect(frames).toHaveLength(1);
    expect(frames[0]).toMatchObject({ status: "error", result: null, error: expect.stringMatching(shown) });
    expect(exit.exitCode).toBe(1);
  });

  test("says that a session is unknown, and what to do without a key", async () => {
    const group = await makeFolders();
    const unknown = await ask(group, "Hello.", { sessionId: "11111111-2222-4333-8444-555555555555" });
    expect(unknown.frames[0]).toMatchObject({
      status: "error",
      error: "No conversation found with session ID: 11111111-2222-4333-8444-555555555555",
    });
    const bare = await runAgentContainer(engine, { folders: group, input: { prompt: "Hello." } });
    expect(bare.frames[0]?.status).toBe("error");
    expect(bare.frames[0]?.error).toContain("Set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN");
  });
});
