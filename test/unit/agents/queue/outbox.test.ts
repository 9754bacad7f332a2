import { describe, expect, test } from "vitest";
import type { Chats } from "../../../../src/agents/queue/chats.ts";
import type { Queue } from "../../../../src/agents/queue/queue.ts";
import { OUTBOX_LIMITS } from "../../../../src/agents/queue/sender.ts";
import { openQueue } from "../../../fixtures/open-queue.ts";
import { KeptChats } from "../../../fixtures/queue.ts";

describe("messages to chats", () => {
  const out = (chat: string, id: string): Parameters<Queue["post"]>[0] => ({
    id,
    chatJid: `${chat}@g.us`,
    text: id,
    kind: "mail",
    group: chat,
    run: null,
    createdAt: "2026-11-21T10:00:00.000Z",
  });

  test("keep their order in a chat that fails and recovers, and other chats do not wait", async () => {
    const { queue, chats, clock, events } = await openQueue(["family", "work"]);
    const failed = async (count: number): Promise<void> =>
      await expect.poll(() => events.filter(({ kind }) => kind === "unsent")).toHaveLength(count);
    let away = true;
    chats.failing = ({ chatJid }) => away && chatJid === "family@g.us";
    for (const id of ["f1", "f2", "f3"]) await queue.post(out("family", id));
    await queue.post(out("work", "w1"));
    await expect.poll(() => chats.texts()).toEqual(["w1"]);
    await failed(1);
    clock.pass(1000);
    await failed(2);
    expect(chats.tries).not.toContain("f2");
    away = false;
    clock.pass(2000);
    await expect.poll(() => chats.texts("family@g.us")).toEqual(["f1", "f2", "f3"]);
  });

  test("beyond the bounds of a chat that fails are given up, the oldest first, and told; other chats lose none", async () => {
    const setting = await openQueue(["family", "work"]);
    const { queue, chats, clock, events } = setting;
    const tried = async (tries: number): Promise<void> =>
      await expect.poll(() => queue.status().unreachable).toMatchObject([{ chatJid: "family@g.us", tries }]);
    chats.failing = ({ chatJid }) => chatJid === "family@g.us";
    const more = OUTBOX_LIMITS.messages + 3;
    await Promise.all(
      ["family", "work"].flatMap((chat) =>
        Array.from({ length: more }, async (_, index) => await queue.post(out(chat, `${chat}-${index}`))),
      ),
    );
    await tried(1);
    const given = (): readonly string[] => events.flatMap((event) => (event.kind === "given up" ? event.messages : []));
    await expect.poll(() => given()).toEqual(["family-0", "family-1", "family-2"]);
    await queue.post(out("family", "last"));
    await expect.poll(() => given()).toHaveLength(4);
    await expect.poll(() => chats.texts("work@g.us")).toHaveLength(more);
    expect(queue.status().unreachable).toMatchObject([
      { waiting: OUTBOX_LIMITS.messages, reason: "the chat is away", retryAt: "2026-11-21T10:00:01.000Z" },
    ]);
    expect(queue.status().failures).toMatchObject(
      Array.from({ length: 4 }, (_, index) => ({
        id: `family-${index}`,
        kind: "outgoing",
        outcome: "unsent",
        chatJid: "family@g.us",
      })),
    );
    // Old ones are not given up before their chat had its chances.
    clock.pass(2 * OUTBOX_LIMITS.ageMs);
    for (let tries = 2; tries < 9; tries += 1) {
      await tried(tries);
      expect(given()).toHaveLength(4);
      clock.pass(tries * 1000);
    }
    await queue.close({ cancelRuns: true });
    const later = await openQueue(["family"], {}, setting);
    for (let tries = 1; tries < 10; tries += 1) {
      await expect.poll(() => later.queue.status().unreachable).toMatchObject([{ tries }]);
      clock.pass(tries * 1000);
    }
    await expect.poll(() => later.queue.status()).toMatchObject({ outbox: 0, unreachable: [] });
  });

  test("to a chat that neither takes nor refuses them are tried again, and hold up no other chat", async () => {
    const hung: string[] = [];
    const kept = new KeptChats();
    const chats: Chats = {
      async send(message) {
        if (message.chatJid === "work@g.us" || hung.includes(message.chatJid)) return await kept.send(message);
        hung.push(message.chatJid);
        await new Promise<never>(() => undefined);
      },
    };
    const folders = Array.from({ length: 8 }, (_, index) => `group${index}`);
    const { queue, clock } = await openQueue([...folders, "work"], { chats });
    for (const folder of folders) await queue.post(out(folder, `one of ${folder}`));
    await expect.poll(() => hung).toHaveLength(8);
    await queue.post(out("work", "two"));
    clock.pass(120_000);
    await expect.poll(() => kept.texts()).toEqual(["two"]);
    await expect.poll(() => queue.status().unreachable).toHaveLength(8);
    clock.pass(1000);
    await expect.poll(() => queue.status()).toMatchObject({ outbox: 0, unreachable: [] });
  });

  test("that were posted before are not posted again, also after a restart", async () => {
    const setting = await openQueue(["family"]);
    await setting.queue.post(out("family", "f1"));
    await setting.queue.post(out("family", "f1"));
    await expect.poll(() => setting.chats.texts()).toEqual(["f1"]);
    await setting.queue.close({ cancelRuns: true });
    const later = await openQueue(["family"], {}, setting);
    await later.queue.post(out("family", "f1"));
    await later.queue.post(out("family", "f2"));
    await expect.poll(() => later.chats.tries).toEqual(["f1", "f2"]);
  });
});
