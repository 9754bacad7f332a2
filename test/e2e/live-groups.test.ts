import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type MessagesAPI, type MessagesRequest, type Reply, startMessagesAPI } from "../fixtures/messages-api/server.ts";
import { serveHome } from "../fixtures/served-home.ts";

// The real Claude Code in its containers against a stand-in of the API on loopback, everything else as a user has it.
const key = "sk-ant-canary-of-this-test";
let api: MessagesAPI;
let reply: (request: MessagesRequest) => Reply;

beforeAll(async () => {
  api = await startMessagesAPI("127.0.0.1", (request) =>
    api.keys.at(-1) === key ? reply(request) : { status: 401, error: "invalid x-api-key" },
  );
});

afterAll(async () => await api?.close());

const envFile = (value: string) => async (home: string) =>
  await writeFile(join(home, ".env"), `ANTHROPIC_API_KEY=${value}\nANTHROPIC_BASE_URL=http://127.0.0.1:${api.port}\n`, {
    mode: 0o600,
  });

function lastOf(request: MessagesRequest): string {
  return JSON.stringify(request.messages.at(-1)?.content);
}

test("Claude Code answers a chat, speaks up and plans by its tools; the run tells of tokens and of what was refused", async () => {
  const served = await serveHome([["family"]], { prepare: envFile(key) });
  const { novabot } = served;
  // In two parts, so that the search does not find itself.
  const places = "/proc/[0-9]*/environ /proc/[0-9]*/cmdline /workspace /home /tmp /etc /run /dev/shm";
  const search = `grep -rslF -e '${key.slice(0, 9)}''${key.slice(9)}' -e I-AM'-'THERE ${places}; true`;
  const calls: Reply[] = [
    { text: "I speak up.", tool: { name: "mcp__novabot__send_message", input: { text: "Half of it is done." } } },
    {
      text: "I plan.",
      tool: {
        name: "mcp__novabot__schedule_task",
        input: { prompt: "Say the time.", cron: "0 9 * * 1", timezone: "Europe/Berlin" },
      },
    },
    {
      text: "I look around.",
      tool: {
        name: "Bash",
        input: {
          command: `git ls-remote https://example.org/x 2>&1; echo I-AM""-THERE > /tmp/there; ${search}`,
          description: "Look",
        },
      },
    },
  ];
  reply = () => calls.shift() ?? { text: "All is done." };
  const chat = await novabot("chat", "family", "Begin.");
  expect(chat.code, chat.stderr + served.lines()).toBe(0);
  expect(chat.stdout.split("\n").toSorted()).toEqual(
    ["", "All is done.", "Half of it is done.", "I look around.", "I plan.", "I speak up."].toSorted(),
  );
  expect((await novabot("tasks", "list", "family")).stdout).toMatch(/active +\S+Z +0 9 \* \* 1 Europe\/Berlin +Say the time\./);
  const seen = lastOf(api.requests.at(-1)!);
  expect(seen).toMatch(/response 403\\n\/tmp\/there"/);
  expect(seen).not.toContain(key);
  expect(api.keys).toContain(key);
  // The owner's file is the one place of the home that has it.
  for (const entry of await readdir(served.home, { recursive: true, withFileTypes: true }))
    if (entry.isFile() && entry.name !== ".env")
      expect(await readFile(join(entry.parentPath, entry.name), "utf8"), entry.name).not.toContain(key);

  const [run] = JSON.parse((await novabot("runs", "list", "--json")).stdout) as { id: string }[];
  const shown = (await novabot("runs", "show", run!.id)).stdout;
  expect(shown).toMatch(/^usage +4 requests, tokens 40 in, 20 out.*\$0\.\d{4}/m);
  expect(shown).toMatch(/^denied +example\.org:443: /m);

  // A task with a guard: skipped, then done, with its result kept.
  const added = await novabot("tasks", "add", "family", "Is it there?", "--every", "1h", "--guard", "test -e there", "--json");
  const { id } = JSON.parse(added.stdout) as { id: string };
  const lastResult = async (): Promise<unknown> =>
    (JSON.parse((await novabot("tasks", "show", id, "--json")).stdout) as { last: unknown }).last;
  await novabot("tasks", "run-now", id);
  await vi.waitFor(async () => expect(await lastResult()).toMatchObject({ outcome: "skipped" }), { timeout: 60_000 });
  await writeFile(join(served.home, "groups/family/there"), "");
  reply = (request) => ({ text: lastOf(request).includes("Is it there?") ? "It is there." : "What?" });
  await novabot("tasks", "run-now", id);
  await vi.waitFor(async () => expect(await lastResult()).toMatchObject({ outcome: "success", result: "It is there." }), {
    timeout: 60_000,
  });
  expect(served.lines()).toContain("family  sent mail to local:family");
  expect(await served.stop()).toBe(0);
});

test("a wrong key is told in the API's own words, and a missing one with what to do", async () => {
  const served = await serveHome([["family"]], { prepare: envFile("sk-ant-wrong"), args: ["--json"] });
  const { novabot } = served;
  const wrong = await novabot("run", "--group", "family", "Hello");
  expect(wrong).toMatchObject({ code: 1, stdout: "" });
  expect(wrong.stderr).toMatch(/agent error .*Invalid API key/);
  await writeFile(join(served.home, ".env"), "");
  const missing = await novabot("run", "--group", "family", "Hello");
  expect(missing.stderr).toMatch(/agent error [^]*ANTHROPIC_API_KEY[^]*\.env/);
  expect((await novabot("explain", "family")).stdout).toContain("Claude Code has no key for the model's API: its runs fail.");
});

test("settings that change and groups that go while it serves; run and clean beside it leave what waits alone", async () => {
  const served = await serveHome([
    ["alice", "agent=demo", "network=none"],
    ["bob", "agent=demo", "mode=persistent"],
  ]);
  const { novabot } = served;
  expect((await novabot("chat", "alice", "one")).stdout).toContain("Network: no");
  expect((await novabot("chat", "bob", "one")).stdout).toContain("turn 1 of our session");
  // The one that answered alice is no part of it: hers is made ahead when that is gone.
  const ready = async (): Promise<string> => (await novabot("status")).stdout;
  await expect.poll(ready).toMatch(/alice \(warm, idle\)/);
  await expect.poll(ready).toMatch(/bob \(persistent, idle\)/);
  await expect.poll(async () => await served.containers()).toHaveLength(2);
  const waiting = (await served.containers()).toSorted();
  expect((await novabot("clean")).stdout).toBe("0 container(s), 0 dead host(s) and 0 old record(s) removed.\n");
  expect((await novabot("run", "--group", "bob", "--session", "latest", "by hand")).stdout).toContain("turn 2 of our session");
  expect((await served.containers()).toSorted()).toEqual(waiting);

  expect((await novabot("groups", "set", "alice", 'agent={"command":["echo","from echo"]}')).code).toBe(0);
  expect((await novabot("chat", "alice", "two")).stdout).toBe("from echo\n");

  expect((await novabot("groups", "remove", "bob")).code).toBe(0);
  await vi.waitFor(async () => expect((await served.containers()).filter((name) => name.includes("-bob-"))).toEqual([]), {
    timeout: 20_000,
  });
  expect((await novabot("chat", "bob", "two")).stderr).toContain("code  GROUP_NOT_FOUND");
  for (const [text, reason] of [
    ["", "it is empty"],
    ["a".repeat(100_000), undefined],
    ["ÄÖÜ 漢字 🧀\u202e", undefined],
  ] as const) {
    const { code, stderr } = await novabot("chat", "alice", text, "--json");
    expect(code, stderr).toBe(reason === undefined ? 0 : 2);
    expect(stderr).toContain(reason ?? "");
  }
  const refused = await novabot("chat", "alice", "", "--json");
  expect(JSON.parse(refused.stdout.split("\n")[0] ?? "")).toMatchObject({ error: { code: "MESSAGE_INVALID", place: "text" } });
  expect(await served.stop()).toBe(0);
});
