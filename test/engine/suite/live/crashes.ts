import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test, vi } from "vitest";
import { changeGroups } from "../../../../src/agents/groups/registry.ts";
import { labels } from "../../../../src/engine/spec.ts";
import { callServe } from "../../../../src/host/serve/control-client.ts";
import type { Serve } from "../../../../src/host/serve/serve.ts";
import { patient } from "../../../fixtures/stage.ts";
import { generator } from "../../../unit/agents/protocol/random.ts";
import { echo, talkative, texts } from "./scripts.ts";
import { answers, cold, end, message, serveToTheEnd, type LiveStand } from "./stand.ts";

/** How long hosts are killed at random, how often at most, and how long they live at most. */
const fuzz = { ms: 25_000, kills: 25, longestLifeMs: 1500 };

/** Hosts that are killed: at each step of a delivery, and at random. */
export function describeCrashes(stand: LiveStand): void {
  describe("killed at a step of a delivery and started again", () => {
    test.each(["accepted", "started", "made", "answering"])("%s: the message is answered once", async (step) => {
      const home = await stand.makeHome(echo);
      const hang = join(home.groups, "family/hang");
      await writeFile(hang, "");
      const child = await stand.startChild(home, step);
      expect(await callServe(home, "/v1/deliver", message("family", "one"))).toMatchObject({ accepted: true });
      await child.said("stopped");
      await callServe(home, "/v1/deliver", message("family", "two"));
      await end(child.process, "SIGKILL");
      await rm(hang);
      const messages = await serveToTheEnd(stand, home);
      expect(messages.map(({ kind }) => kind)).toEqual(["answer"]);
      expect(answers(messages)).toEqual(["one+two"]);
    });

    test("answered, not settled: the answer is there once, and the chat is told that it may be cut short", async () => {
      const home = await stand.makeHome(echo);
      const child = await stand.startChild(home, "answered, not settled");
      await callServe(home, "/v1/deliver", message("family", "one"));
      await child.said("stopped");
      await callServe(home, "/v1/deliver", message("family", "two"));
      await end(child.process, "SIGKILL");
      const messages = await serveToTheEnd(stand, home);
      expect(answers(messages)).toEqual(["one", "two"]);
      expect(messages.filter(({ kind }) => kind === "notice").map(({ text }) => text)).toEqual([
        "NovaBot was stopped meanwhile; the answer may not be complete.",
      ]);
    });

    test.each(["settled, not sent", "sent, not noted", "over"])("%s: the answer is there once", async (step) => {
      const home = await stand.makeHome(echo);
      const child = await stand.startChild(home, step);
      await callServe(home, "/v1/deliver", message("family", "one"));
      await child.said("stopped");
      if (step !== "over") {
        // Its run ends while its answer is held up.
        await vi.waitFor(async () => expect(await callServe(home, "/v1/status")).toMatchObject({ groups: [] }), {
          timeout: 10_000,
          interval: 20,
        });
      }
      await end(child.process, "SIGKILL");
      const messages = await serveToTheEnd(stand, home);
      expect(messages.map(({ text }) => text)).toEqual(["one"]);
      // And again: nothing comes of what is over.
      expect(await serveToTheEnd(stand, home)).toEqual(messages);
    });

    test("again and again, in the middle of many: every message is answered once, in order", async () => {
      const folders = ["family", "work", "friends"];
      const home = await stand.makeHome(echo, folders);
      const ids = Array.from({ length: 30 }, (_, index) => `n${index}`);
      let next = 0;
      while (next < ids.length) {
        const child = await stand.startChild(home);
        const until = Math.min(ids.length, next + 5 + (next % 4));
        for (; next < until; next += 1) {
          for (const folder of folders) await callServe(home, "/v1/deliver", message(folder, ids[next] ?? ""));
          await delay(next % 3 ? 30 : 150);
        }
        await end(child.process, "SIGKILL");
      }
      for (const folder of folders) {
        expect(answers(await serveToTheEnd(stand, home, folder)).flatMap((text) => text.split("+"))).toEqual(ids);
      }
    }, 120_000);

    test("with containers ready for the next messages: they are removed, and others made", async () => {
      const home = await stand.makeHome(echo, ["family"], { ...cold, mode: "warm" });
      const child = await stand.startChild(home);
      await callServe(home, "/v1/deliver", message("family", "one"));
      const ready = await vi.waitFor(
        async () => {
          const { pool } = (await callServe(home, "/v1/status")) as ReturnType<Serve["status"]>;
          const container = pool.find(({ state }) => state === "idle")?.container;
          if (!container) throw new Error("none is ready");
          return container;
        },
        { timeout: 20_000, interval: 20 },
      );
      await end(child.process, "SIGKILL");
      const { serve } = await stand.serveHere(home);
      const there = await stand.under.engine.list({ [labels.home]: home.label });
      expect(there.map((container) => container.name)).not.toContain(ready);
      await serve.queue.deliver(message("family", "two"));
      // A run is settled before its answer is sent.
      const said = async (): Promise<string[]> =>
        (await serve.localChats.messages("family@g.us", 0)).map((added) => added.message.text);
      await expect.poll(said).toEqual(["one", "two"]);
    });
  });

  test("a container that a dead host's last request makes only afterwards is removed as well", async () => {
    const home = await stand.makeHome(echo);
    const cleaned: string[] = [];
    await stand.serveHere(home, { sweepEveryMs: 100, onCleanUp: (containers) => void cleaned.push(...containers) });
    await stand.under.engine.create({
      name: `late-${process.pid}-${home.label}`,
      image: stand.image,
      labels: { [labels.home]: home.label, [labels.kind]: "agent", [labels.group]: "family", [labels.host]: "dead" },
      user: { uid: 1000, gid: 1000 },
      workingDirectory: "/",
      env: {},
      mounts: [],
      network: "none",
      limits: { memoryBytes: 64 * 2 ** 20, memorySwapBytes: 64 * 2 ** 20, cpus: 1, pids: 64 },
      stdin: true,
      autoRemove: true,
    });
    await vi.waitFor(async () => expect(await stand.under.engine.list({ [labels.home]: home.label })).toEqual([]), {
      timeout: 10_000,
      interval: 20,
    });
    await expect.poll(() => cleaned).toEqual([`late-${process.pid}-${home.label}`]);
  });

  test("killed at random, again and again: each message is answered once, in order, each task done once, nothing is left", async () => {
    const folders = ["cold", "warm", "kept", "busy"];
    const modes = ["cold", "warm", "persistent", "warm"] as const;
    const random = generator(stand.name.length);
    const home = await stand.makeHome(echo, folders);
    await changeGroups(home, (groups) =>
      groups.map((group, index) => ({ ...group, containerConfig: { ...cold, mode: modes[index] ?? "cold" } })),
    );
    await writeFile(join(home.groups, "kept/agent.sh"), `${patient}\n${texts}\nanswer() { final "$(texts "$input")"; }\nserve`);
    await writeFile(join(home.groups, "busy/agent.sh"), talkative);
    const delivered = new Map(folders.map((folder): [string, string[]] => [folder, []]));
    const tasks: string[] = [];
    let count = 0;
    let next = message("cold", "cold-0");
    const until = performance.now() + fuzz.ms;
    for (let kills = 0; kills < fuzz.kills && performance.now() < until; kills += 1) {
      const child = await stand.startChild(home, "", { NOVABOT_AGENT_IMAGE: stand.everything });
      const died = delay(random(fuzz.longestLifeMs)).then(async () => await end(child.process, "SIGKILL"));
      for (;;) {
        // What was not acknowledged is delivered again, to the next host.
        if (!(await callServe(home, "/v1/deliver", next).catch(() => undefined))) break;
        const folder = next.chatJid.replace("@g.us", "");
        delivered.get(folder)?.push(next.id);
        count += 1;
        const nextFolder = folders[random(folders.length)] ?? "cold";
        next = message(nextFolder, `${nextFolder}-${count}`);
        if (random(25) === 0) {
          const schedule = { type: "once", value: new Date(Date.now() + random(500)).toISOString() };
          const task = { group: "cold", prompt: `text of task-${count}`, schedule, session: "own" };
          if (await callServe(home, "/v1/tasks/add", task).catch(() => undefined)) tasks.push(`task-${count}`);
        }
        await delay(random(30));
      }
      await died;
    }
    const said = new Map<string, string[]>();
    for (const folder of folders) {
      said.set(
        folder,
        answers(await serveToTheEnd(stand, home, folder)).flatMap((text) => text.split("+").filter(Boolean)),
      );
    }
    const isTask = (id: string): boolean => id.startsWith("task-");
    for (const folder of folders) {
      expect(
        said.get(folder)?.filter((id) => !isTask(id)),
        folder,
      ).toEqual(
        // The last one may be there although its host did not live to say so.
        expect.toSatisfy((ids: readonly string[]) => {
          const known = delivered.get(folder) ?? [];
          return [known, [...known, next.id]].some((expected) => isDeepStrictEqual(ids, expected));
        }),
      );
    }
    const done = said.get("cold")?.filter(isTask) ?? [];
    expect(new Set(done).size).toBe(done.length);
    expect(done).toEqual(expect.arrayContaining(tasks));
  }, 180_000);
}
