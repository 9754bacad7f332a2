import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { findEngine } from "../../src/host/engines/find.ts";
import { type GroupFolders, makeGroupFolders, type OpenContainer, openAgentContainer } from "../fixtures/agent-container.ts";
import {
  conversationText,
  type MessagesAPI,
  type MessagesRequest,
  type Reply,
  startMessagesAPI,
} from "../fixtures/messages-api/server.ts";

// The real Claude Code in the real image, without a network: it reaches the stand-in API by the runner's forwarder alone.
let engine: Engine;
let api: MessagesAPI;
let reply: (request: MessagesRequest) => Reply | Promise<Reply>;
let folders: GroupFolders;
let gateway: Server;
let container: OpenContainer | undefined;

beforeAll(async () => {
  engine = await findEngine(process.env);
  api = await startMessagesAPI("127.0.0.1", async (request) => await reply(request));
});
beforeEach(async () => {
  api.requests.length = 0;
  api.keys.length = 0;
  folders = await makeGroupFolders();
  gateway = createServer((client) => {
    const upstream = connect(api.port, "127.0.0.1");
    client.on("error", () => upstream.destroy()).pipe(upstream);
    upstream.on("error", () => client.destroy()).pipe(client);
  });
  await new Promise<void>((resolve) =>
    gateway.listen({ path: join(folders.gateway, "gateway.sock"), writableAll: true }, resolve),
  );
});
afterEach(async () => {
  if (container) await engine.remove(container.id);
  container = undefined;
  gateway.close();
  await folders.remove();
});
afterAll(async () => await api?.close());

const token = { ANTHROPIC_API_KEY: "token-of-the-run" };
const said = (request: MessagesRequest | undefined): string => (request === undefined ? "" : conversationText(request));
const last = (request: MessagesRequest): string => JSON.stringify(request.messages.filter(({ role }) => role === "user").at(-1));

let handed = 0;
/** Puts a follow-up where the host puts it. */
async function hand(id: string, text: string): Promise<void> {
  handed += 1;
  const name = `${String(handed).padStart(10, "0")}-0badcafe.json`;
  await writeFile(join(folders.ipc, "input", `.${name}`), JSON.stringify({ id, text }));
  await rename(join(folders.ipc, "input", `.${name}`), join(folders.ipc, "input", name));
}

async function open(input: {
  prompt: string;
  sessionId?: string;
  followUps?: boolean;
  proxy?: boolean;
  isMain?: boolean;
}): Promise<OpenContainer> {
  const { proxy = false, ...rest } = input;
  container = await openAgentContainer(engine, { folders });
  container.end(
    JSON.stringify({
      groupFolder: "family",
      chatJid: "local:alice",
      isMain: false,
      nonce: "n0nce",
      variables: token,
      gateway: { broker: true, proxy },
      followUps: true,
      ...rest,
    }),
  );
  return container;
}

const shown = (frames: readonly { result: string | null; accepted?: readonly string[] }[]): unknown[] =>
  frames.map(({ result, accepted }) => (accepted === undefined ? result : { accepted }));

describe("messages for Claude Code while it works", () => {
  test("are given to it one after the other, after the turn in which they came, and the session keeps them all", async () => {
    reply = async (request) => {
      if (said(request).includes("the first thing") && api.requests.length === 1) {
        await hand("m-2", "the second thing");
        await hand("m-3", "the third thing");
      }
      return { text: `Answer ${api.requests.length}.` };
    };
    const { ended } = await open({ prompt: "the first thing" });
    const { frames, exit, stderr } = await ended;
    expect(exit.exitCode, stderr).toBe(0);
    expect(shown(frames)).toEqual(["Answer 1.", { accepted: ["m-2"] }, "Answer 2.", { accepted: ["m-3"] }, "Answer 3."]);
    expect(frames.map(({ final }) => final === true)).toEqual([false, false, false, false, true]);
    expect(new Set(frames.map(({ nonce }) => nonce))).toEqual(new Set(["n0nce"]));
    expect(await readdir(join(folders.ipc, "input"))).toEqual([]);

    const sessionId = String(frames.at(-1)?.newSessionId);
    const next = await (await open({ prompt: "and now?", sessionId })).ended;
    expect(shown(next.frames)).toEqual(["Answer 4."]);
    const carried = said(api.requests.at(-1));
    const parts = ["the first thing", "Answer 1.", "the second thing", "Answer 2.", "the third thing", "Answer 3.", "and now?"];
    const places = parts.map((part) => carried.indexOf(part));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places[0]).toBeGreaterThan(0);
    expect(new Set(api.keys)).toEqual(new Set(["token-of-the-run"]));
  });

  test("come after a turn with tools, whose words are told once", async () => {
    reply = async (request) => {
      if (last(request).includes("tool_result")) return { text: "It is done." };
      if (last(request).includes("And then?")) return { text: "That was all." };
      await hand("m-2", "And then?");
      return { text: "Let me look.", tool: { name: "Bash", input: { command: "id -u", description: "Look" } } };
    };
    const { frames } = await (await open({ prompt: "Do it." })).ended;
    expect(shown(frames)).toEqual(["Let me look.", "It is done.", { accepted: ["m-2"] }, "That was all."]);
  });

  test("are taken from what was there before it began", async () => {
    reply = () => ({ text: `Answer ${api.requests.length}.` });
    await hand("m-0", "early bird");
    const { frames } = await (await open({ prompt: "hello" })).ended;
    expect(shown(frames)).toEqual(["Answer 1.", { accepted: ["m-0"] }, "Answer 2."]);
  });

  test("stay where they are when it takes none and when it ends in an error", async () => {
    reply = () => ({ text: "Alone." });
    await hand("m-1", "wait");
    const alone = await (await open({ prompt: "hello", followUps: false })).ended;
    expect(shown(alone.frames)).toEqual(["Alone."]);
    expect(await readdir(join(folders.ipc, "input"))).toHaveLength(1);

    reply = () => ({ status: 400, error: "it is broken" });
    const broken = await (await open({ prompt: "hello" })).ended;
    expect(broken.frames).toHaveLength(1);
    expect(broken.frames[0]).toMatchObject({ status: "error", error: expect.stringContaining("it is broken"), final: true });
    expect(await readdir(join(folders.ipc, "input"))).toHaveLength(1);
  });

  test.each([-50, 0, 10, 25, 50, 100])("that come %i ms from its closing are answered or still there", async (delayMs) => {
    let handing: Promise<void> = Promise.resolve();
    reply = async () => {
      const late = async (ms: number): Promise<void> => await sleep(ms).then(async () => await hand("m-2", "the late one"));
      if (api.requests.length > 1) return { text: "Answered too." };
      handing = late(Math.max(0, delayMs));
      if (delayMs < 0) await handing.then(async () => await sleep(-delayMs));
      return { text: "Answer." };
    };
    const { frames } = await (await open({ prompt: "hello" })).ended;
    await handing;
    const taken = frames.some(({ accepted }) => accepted?.includes("m-2"));
    expect(shown(frames)).toEqual(taken ? ["Answer.", { accepted: ["m-2"] }, "Answered too."] : ["Answer."]);
    expect(await readdir(join(folders.ipc, "input"))).toHaveLength(taken ? 0 : 1);
    if (delayMs < 0) expect(taken).toBe(true);
  });

  test("that are none are removed and told, and those after them are given", async () => {
    const input = join(folders.ipc, "input");
    await writeFile(join(input, "0000000000-aaaaaaaa.json"), "{");
    await writeFile(join(input, "0000000000-bbbbbbbb.json"), '{"id":"x","text":""}');
    await writeFile(join(input, "0000000000-cccccccc.json"), "x".repeat(2 ** 20 + 1));
    await hand("m-1", "a good one");
    reply = () => ({ text: `Answer ${api.requests.length}.` });
    const { frames, stderr } = await (await open({ prompt: "hello" })).ended;
    expect(shown(frames)).toEqual(["Answer 1.", { accepted: ["m-1"] }, "Answer 2."]);
    expect(stderr.match(/is no message: /g)).toHaveLength(3);
    expect(await readdir(input)).toEqual([]);
  });

  test("are in an error when it crashes over one of them", async () => {
    reply = async (request) => {
      if (!said(request).includes("crash now")) {
        await hand("m-2", "crash now");
        return { text: "Well." };
      }
      return { text: "Ouch.", tool: { name: "Bash", input: { command: "kill -9 $PPID", description: "Crash" } } };
    };
    const { frames, exit } = await (await open({ prompt: "hello" })).ended;
    expect(shown(frames)).toEqual(["Well.", { accepted: ["m-2"] }, "Ouch.", null]);
    expect(frames.at(-1)).toMatchObject({ status: "error", error: expect.stringContaining("SIGKILL"), final: true });
    expect(exit.exitCode).toBe(1);
  });
});

test("an answer does not wait for what was left in the background, whose end brings another", async () => {
  const command = "until [ -e go ]; do sleep 0.05; done; echo finished";
  reply = (request) => {
    if (said(request).includes("task-notification")) return { text: "It has ended." };
    if (last(request).includes("tool_result")) return { text: "It runs." };
    return { tool: { name: "Bash", input: { command, run_in_background: true, description: "Wait" } } };
  };
  const opened = await open({ prompt: "hello" });
  await opened.frame(({ result }) => result === "It runs.");
  await writeFile(join(folders.group, "go"), "");
  const { frames, exit } = await opened.ended;
  expect(shown(frames)).toEqual(["It runs.", "It has ended."]);
  expect(exit.exitCode).toBe(0);
});

test("a prompt of several megabytes comes whole", async () => {
  reply = () => ({ text: "Long." });
  const { frames } = await (await open({ prompt: `${"word ".repeat(400_000)}the end` })).ended;
  expect(frames[0]?.error).toBeUndefined();
  expect(shown(frames)).toEqual(["Long."]);
  expect(said(api.requests.at(-1))).toContain("the end");
});

test("the way to the model goes by the broker's port also where everything else goes by a proxy", async () => {
  reply = () => ({ text: "Here." });
  const { frames } = await (await open({ prompt: "hello", proxy: true })).ended;
  expect(shown(frames)).toEqual(["Here."]);
});

test("the verbs of the mail command are tools", async () => {
  reply = (request) =>
    last(request).includes("tool_result")
      ? { text: "Sent it." }
      : { tool: { name: "mcp__novabot__send_message", input: { text: "Half of it is done." } } };
  const opened = await open({ prompt: "hello" });
  const messages = join(folders.ipc, "messages");
  const { frames } = await opened.ended;
  const [file] = await readdir(messages);
  expect(JSON.parse(await readFile(join(messages, file ?? ""), "utf8"))).toEqual({
    type: "message",
    text: "Half of it is done.",
  });
  expect(shown(frames)).toEqual(["Sent it."]);
  const names = (api.requests[0]!.tools as { name: string }[]).map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["mcp__novabot__send_message", "mcp__novabot__schedule_task", "Bash"]));
  expect(names).not.toContain("mcp__novabot__register_group");
  expect(said(api.requests.at(-1))).toContain("Queued");

  reply = () => ({ text: "I am main." });
  await (
    await open({ prompt: "hello", isMain: true })
  ).ended;
  expect(JSON.stringify(api.requests.at(-1)!.tools)).toContain("mcp__novabot__register_group");
});

test("a container that is kept goes on in the session, each run with its own token", async () => {
  reply = () => ({ text: `Answer ${api.requests.length}.` });
  container = await openAgentContainer(engine, { folders, env: { NOVABOT_CONTAINER_MODE: "persistent" } });
  const gateways = { gateway: { broker: true, proxy: false }, followUps: true };
  container.send({ prompt: "the first thing", run: "r-1", variables: { ANTHROPIC_API_KEY: "token-1" }, ...gateways });
  const first = await container.frame(({ run }) => run === "r-1");
  const sessionId = String(first.newSessionId);
  container.send({ prompt: "the second", run: "r-2", sessionId, variables: { CLAUDE_CODE_OAUTH_TOKEN: "token-2" }, ...gateways });
  await container.frame(({ run }) => run === "r-2");
  container.end();
  const { frames, exit } = await container.ended;
  expect(shown(frames)).toEqual(["Answer 1.", "Answer 2."]);
  expect(exit.exitCode).toBe(0);
  expect(said(api.requests.at(-1))).toContain("the first thing");
  expect(api.keys).toEqual(["token-1", "Bearer token-2"]);
});
