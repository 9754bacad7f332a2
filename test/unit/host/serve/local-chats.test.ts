import { mkdir, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { changeGroups } from "../../../../src/agents/groups/registry.ts";
import { LocalChats, type LocalMessage } from "../../../../src/host/serve/local-chats.ts";
import { takeServeLock } from "../../../../src/host/serve/lock.ts";
import { registryOf } from "../../../../src/host/serve/registry.ts";
import type { OutgoingMessage } from "../../../../src/model/message.ts";
import { temporaryDirectory, temporaryHome } from "../../../fixtures/home.ts";
import { groupOf } from "../../../fixtures/queue.ts";

const out = (id: string, chatJid = "local:alice"): OutgoingMessage => ({
  id,
  chatJid,
  text: `text of ${id}`,
  kind: "answer",
  group: "alice",
  run: null,
  createdAt: "2026-11-21T10:00:00.000Z",
});

test("a local chat takes each message once, also after a restart, and tells those who listen", async () => {
  const directory = await temporaryDirectory();
  const chats = new LocalChats(directory);
  const heard: LocalMessage[] = [];
  const stop = chats.listen((added) => heard.push(added));
  await Promise.all([chats.send(out("1")), chats.send(out("2", "local:bob"))]);
  await chats.send(out("1"));
  await chats.send(out("3"));
  stop();
  await chats.close();
  const again = new LocalChats(directory);
  await again.send(out("3"));
  await again.send(out("4"));
  const ids = async (after: number): Promise<string[]> =>
    (await again.messages("local:alice", after)).map(({ message }) => message.id);
  expect(await ids(0)).toEqual(["1", "3", "4"]);
  expect(await ids(2)).toEqual(["4"]);
  expect(await ids(-2)).toEqual(["3", "4"]);
  expect(await again.messages("local:nobody", 0)).toEqual([]);
  expect(heard.map(({ seq, message }) => `${seq} ${message.id}`).toSorted()).toEqual(["1 1", "1 2", "2 3"]);
  await again.close();
});

test("a home is served by one, who can be told", async () => {
  const home = await temporaryHome();
  await mkdir(home.host, { recursive: true });
  const lock = await takeServeLock(home);
  await expect(takeServeLock(home)).rejects.toMatchObject({ code: "HOME_BUSY", facts: { pid: process.pid } });
  await lock.release();
  await (await takeServeLock(home)).release();
});

test("the registry is read anew when it changes", async () => {
  const home = await temporaryHome();
  const groups = registryOf(home);
  expect(await groups()).toEqual([]);
  await changeGroups(home, () => [groupOf("family")]);
  const first = await groups();
  expect(first.map(({ folder }) => folder)).toEqual(["family"]);
  expect(await groups()).toBe(first);
  await writeFile(home.registry, "{");
  await expect(groups()).rejects.toMatchObject({ code: "REGISTRY_INVALID" });
});
