import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findEngine } from "../../src/host/engines/find.ts";
import { runNovabot } from "../fixtures/command-line.ts";
import { temporaryDirectory } from "../fixtures/home.ts";
import { findGateway } from "../fixtures/messages-api/gateway.ts";
import {
  conversationText,
  type MessagesAPI,
  type MessagesRequest,
  type Reply,
  startMessagesAPI,
} from "../fixtures/messages-api/server.ts";

let api: MessagesAPI;
let base: string;
const usual = (request: MessagesRequest): Reply => ({
  text: `I read ${conversationText(request).includes("4711") ? "4711" : "nothing"}.`,
});
let reply: (request: MessagesRequest) => Reply = usual;

beforeAll(async () => {
  const gateway = await findGateway(await findEngine(process.env));
  api = await startMessagesAPI("0.0.0.0", (request) => reply(request));
  base = `http://${gateway}:${api.port}`;
});

afterAll(async () => await api?.close());

test("Claude Code answers a group's prompt, goes on in its session, and its key stays out of log and record", async () => {
  const directory = await temporaryDirectory();
  const home = join(directory, "home");
  const env = { HOME: directory, NOVABOT_HOME: home, XDG_CONFIG_HOME: "", NOVABOT_MOUNT_ALLOWLIST: "", LOG_LEVEL: "debug" };
  await runNovabot(["groups", "add", "1@g.us", "--folder", "family", "env=ANTHROPIC_BASE_URL"], env);
  await writeFile(join(home, ".env"), `ANTHROPIC_API_KEY="sk-ant-stand-in-key"\nANTHROPIC_BASE_URL=${base}\nUNRELATED=never\n`, {
    mode: 0o600,
  });

  const first = await runNovabot(["run", "--group", "family", "--json", "Remember the number 4711."], env);
  expect(first.code, first.stderr).toBe(0);
  const record = JSON.parse(first.stdout);
  expect(record).toMatchObject({ outcome: "success", result: "I read 4711.", suspiciousFrames: 0, brokenFrames: 0 });
  expect(api.keys.at(-1)).toContain("sk-ant-stand-in-key");
  expect(conversationText(api.requests.at(-1)!)).toContain("Remember the number 4711.");

  const second = await runNovabot(["run", "--group", "family", "--session", record.newSessionId, "Which number was it?"], env);
  expect(second).toMatchObject({ code: 0, stdout: "I read 4711.\n" });
  const carried = conversationText(api.requests.at(-1)!);
  for (const part of ["Remember the number 4711.", "I read 4711.", "Which number was it?"]) expect(carried).toContain(part);

  const fresh = await runNovabot(["run", "--group", "family", "Which number was it?"], env);
  expect(fresh).toMatchObject({ code: 0, stdout: "I read nothing.\n" });

  const log = await readFile(record.logFile, "utf8");
  expect(log).toContain("Remember the number 4711.");
  for (const text of [log, JSON.stringify(record), first.stderr, second.stderr])
    expect(text).not.toContain("sk-ant-stand-in-key");
});

test("its key stays out of its container: a token that is worth nothing after the run is in its place", async () => {
  const directory = await temporaryDirectory();
  const home = join(directory, "home");
  const env = { HOME: directory, NOVABOT_HOME: home, XDG_CONFIG_HOME: "", NOVABOT_MOUNT_ALLOWLIST: "" };
  await runNovabot(["groups", "add", "1@g.us", "--folder", "family"], env);
  await writeFile(join(home, ".env"), `ANTHROPIC_API_KEY=sk-ant-canary\nANTHROPIC_BASE_URL=http://127.0.0.1:${api.port}\n`, {
    mode: 0o600,
  });
  const look = "env; cat /workspace/env-dir/* ; grep -rl 'sk-ant-can[a]ry' /workspace /proc/[0-9]*/environ 2>/dev/null; true";
  reply = (request) =>
    conversationText(request).includes("tool_result")
      ? { text: "I have looked." }
      : { text: "I look.", tool: { name: "Bash", input: { command: look, description: "Look" } } };
  const { code, stdout, stderr } = await runNovabot(["run", "--group", "family", "What do you have?"], env);
  expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: "I have looked.\n" });
  expect(api.keys.at(-1)).toBe("sk-ant-canary");
  const found = conversationText(api.requests.at(-1)!);
  expect(found).toMatch(/ANTHROPIC_BASE_URL=http:\/\/127\.0\.0\.1:\d+/);
  expect(found).toContain("ANTHROPIC_API_KEY=");
  expect(found.includes("sk-ant-canary")).toBe(false);
});

test("a missing key is an agent error that says so", async () => {
  const directory = await temporaryDirectory();
  const home = join(directory, "home");
  const env = { HOME: directory, NOVABOT_HOME: home, XDG_CONFIG_HOME: "", NOVABOT_MOUNT_ALLOWLIST: "" };
  await runNovabot(["groups", "add", "1@g.us", "--folder", "family", "network=none"], env);
  const result = await runNovabot(["run", "--group", "family", "hello"], env);
  expect(result).toMatchObject({ code: 1, stdout: "" });
  expect(result.stderr).toMatch(/agent error .*(log ?in|API key|key)/i);
});
