import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MailSlots } from "../../../../src/agents/mail-command/mail-slots.ts";
import { mailServer } from "../../../../src/agents/mail-command/tools.ts";
import { taskMailSchema } from "../../../../src/model/mail.ts";

let root: string;
let client: Client;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "novabot-tools-"));
  for (const slot of ["messages", "tasks", "errors"]) await mkdir(join(root, slot));
});
afterEach(async () => {
  await client.close();
  await rm(root, { recursive: true });
});

async function connect(isMain: boolean): Promise<void> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const identity = { group: isMain ? "main" : "family", chatJid: "local:family", isMain };
  await mailServer({ identity, slots: new MailSlots(root), root }).connect(theirs);
  client = new Client({ name: "test", version: "1" });
  await client.connect(ours);
}
const call = async (name: string, given: Record<string, unknown>): Promise<unknown> =>
  await client.callTool({ name, arguments: given });
/** Takes the file that a call writes, as the host does. */
async function taking(slot: string, calling: Promise<unknown>): Promise<{ readonly mail: unknown; readonly answer: unknown }> {
  await expect.poll(async () => await readdir(join(root, slot))).toHaveLength(1);
  const [file] = await readdir(join(root, slot));
  const mail: unknown = JSON.parse(await readFile(join(root, slot, file ?? ""), "utf8"));
  await rm(join(root, slot, file ?? ""));
  return { mail, answer: await calling };
}

test("main has tools that others have not", async () => {
  const names = async (): Promise<string[]> => (await client.listTools()).tools.map(({ name }) => name);
  const common = ["send_message", "schedule_task", "update_task", "pause_task", "resume_task", "cancel_task", "list_tasks"];
  await connect(false);
  expect(await names()).toEqual(common);
  await client.close();
  await connect(true);
  expect(await names()).toEqual([...common, "list_groups", "register_group"]);
});

test("a call becomes mail, and hears what became of it", async () => {
  await connect(false);
  const sent = await taking("messages", call("send_message", { text: "hi" }));
  expect(sent.mail).toEqual({ type: "message", text: "hi" });
  expect(sent.answer).toEqual({ content: [{ type: "text", text: "Sent." }] });
  const wish = { prompt: "Look", cron: "0 9 * * *", timezone: "Europe/Berlin", session: "own", guard: "test -e new" };
  const scheduled = await taking("tasks", call("schedule_task", wish));
  expect(scheduled.mail).toEqual({
    type: "schedule",
    prompt: "Look",
    schedule: { type: "cron", value: "0 9 * * *", timezone: "Europe/Berlin" },
    session: "own",
    guard: "test -e new",
  });
  const updated = await taking("tasks", call("update_task", { task: "t-1", every: "2h", guard: "" }));
  expect(updated.mail).toEqual({ type: "update", task: "t-1", schedule: { type: "interval", value: 7_200_000 }, guard: null });
  const paused = await taking("tasks", call("pause_task", { task: "t-1" }));
  for (const { mail } of [scheduled, updated, paused]) expect(taskMailSchema.safeParse(mail).success).toBe(true);
});

test("a call that cannot be says why", async () => {
  await connect(false);
  const wrong = await call("schedule_task", { prompt: "Look", every: "soon" });
  expect(wrong).toEqual({ isError: true, content: [{ type: "text", text: expect.stringContaining('"soon" is no duration.') }] });
  expect(await call("list_tasks", {})).toMatchObject({ isError: true });
  expect(await call("register_group", { jid: "1@g.us", name: "n", folder: "f" })).toMatchObject({ isError: true });
  expect(await readdir(join(root, "tasks"))).toEqual([]);
});

test("main speaks for others", async () => {
  await connect(true);
  expect((await taking("messages", call("send_message", { text: "hi", chat: "1@g.us" }))).mail).toMatchObject({
    chatJid: "1@g.us",
  });
  const registered = await taking("tasks", call("register_group", { jid: "1@g.us", name: "The family", folder: "family" }));
  expect(registered.mail).toEqual({ type: "register_group", jid: "1@g.us", name: "The family", folder: "family" });
});
