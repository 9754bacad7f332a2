import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { changeGroups } from "../../../src/agents/groups/registry.ts";
import type { Home } from "../../../src/agents/home/home.ts";
import type { QueueEvent } from "../../../src/agents/queue/events.ts";
import { labels } from "../../../src/engine/spec.ts";
import { callServe, watchServe } from "../../../src/host/serve/control-client.ts";
import { Serve, type ServeOptions } from "../../../src/host/serve/serve.ts";
import type { ContainerConfig, Group } from "../../../src/model/group.ts";
import type { IncomingMessage, OutgoingMessage } from "../../../src/model/message.ts";
import { INPUT_TARGET } from "../../../src/model/workspace.ts";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { temporaryHome } from "../../fixtures/home.ts";
import { generator } from "../../unit/agents/protocol/random.ts";
import { buildScriptImage, patient, polite } from "../../fixtures/stage.ts";

const childScript = fileURLToPath(new URL("../../fixtures/serve-child.ts", import.meta.url));
/** How long hosts are killed at random, how often at most, and how long they live at most. */
const fuzz = { ms: 25_000, kills: 25, longestLifeMs: 1500 };
const cold: ContainerConfig = { mode: "cold", memory: "64m", network: "none" };

/** `texts INPUT` gives what was asked in it: `one+two`. */
const texts = `texts() { local all; all=$(printf %s "$1" | grep -o 'text of [a-z0-9-]*' | sed 's/text of //' | tr '\\n' +); printf %s "\${all%+}"; }`;

/** Answers with the texts that it was asked; hangs while the group's folder has a file `hang`. */
const echo = `${polite}
${texts}
[ -e hang ] && sleep 300
frame "$(texts "$input")"`;

/**
 * Answers, then takes follow-ups for 300 ms, each with an answer of its own, and closes: what is not there then is not taken.
 */
const talkative = `
read -r input
nonce=\${input##*\\"nonce\\":\\"}; nonce=\${nonce%%\\"*}
raw() { printf '\\n%s\\n%s\\n%s\\n' ---NOVABOT_OUTPUT_START--- "$1" ---NOVABOT_OUTPUT_END---; }
frame() { raw "{\\"status\\":\\"success\\",\\"result\\":\\"$1\\",\\"nonce\\":\\"$nonce\\"}"; }
${texts}
frame "$(texts "$input")"
for ((round = 0; round < 15; round++)); do
  for file in ${INPUT_TARGET}/*.json; do
    [ -e "$file" ] || continue
    given=$(cat "$file"); rm "$file"; id=\${given##*\\"id\\":\\"}; id=\${id%%\\"*}
    raw "{\\"status\\":\\"success\\",\\"result\\":null,\\"accepted\\":[\\"$id\\"],\\"nonce\\":\\"$nonce\\"}"
    frame "$(texts "$given")"
  done
  sleep 0.02
done
frame ""`;

/** A home that is served for real: crashes, restarts and what is handed over at the last moment. */
export function describeLive(name: "Docker" | "Podman", open: () => Promise<TestEngine>): void {
  describe(`a served home on ${name}`, () => {
    let under: TestEngine;
    let image: string;
    let able: string;
    let everything: string;

    beforeAll(async () => {
      under = await open();
      image = await buildScriptImage(under.engine, under.image, "2");
      able = await buildScriptImage(under.engine, under.image, "2", { abilities: ["follow-ups"] });
      everything = await buildScriptImage(under.engine, under.image, "2", { abilities: ["follow-ups", "persistent"] });
    });

    afterAll(async () => await under?.dispose());

    async function makeHome(script: string, folders: readonly string[] = ["family"], config = cold): Promise<Home> {
      const home = await temporaryHome();
      onTestFinished(async () => {
        for (const container of await under.engine.list({ [labels.home]: home.label })) await under.engine.remove(container.id);
      });
      for (const folder of folders) {
        await mkdir(join(home.groups, folder), { recursive: true });
        await writeFile(join(home.groups, folder, "agent.sh"), script);
      }
      await changeGroups(home, () =>
        folders.map((folder): Group => ({ jid: `${folder}@g.us`, name: folder, folder, isMain: false, containerConfig: config })),
      );
      return home;
    }

    const settings = (home: Home, rest: Readonly<Record<string, string>>): Record<string, string> => ({
      HOME: join(home.root, ".."),
      TZ: "UTC",
      NOVABOT_AGENT_IMAGE: image,
      ...rest,
    });

    async function startChild(home: Home, step = "", env: Readonly<Record<string, string>> = {}): Promise<Child> {
      const args = [childScript, home.root, name.toLowerCase(), under.socket, step];
      const child = spawn(process.execPath, args, {
        env: { ...settings(home, env), PATH: process.env["PATH"] },
        stdio: ["ignore", "pipe", "inherit"],
      });
      onTestFinished(async () => void (await end(child, "SIGKILL")));
      const words = new Set<string>();
      createInterface({ input: child.stdout }).on("line", (line) => words.add(line));
      const said = async (word: string): Promise<void> =>
        await vi.waitFor(() => expect([...words]).toContain(word), { timeout: 30_000, interval: 10 });
      await said("serving");
      return { process: child, said };
    }

    async function serveHere(
      home: Home,
      options: Partial<ServeOptions> = {},
      env: Readonly<Record<string, string>> = {},
    ): Promise<Here> {
      const events: QueueEvent[] = [];
      const serve = await Serve.open({
        home,
        engine: under.connect(),
        env: settings(home, env),
        logger: pino({ level: "silent" }),
        runBackoff: () => 50,
        sendBackoff: () => 50,
        onEvent: (event) => void events.push(event),
        ...options,
      });
      let isOpen = true;
      const close = async (): Promise<void> => {
        if (isOpen) await serve.close();
        isOpen = false;
      };
      onTestFinished(close);
      return { serve, events, close };
    }

    /** Serves the home once more, until nothing is left to do, and gives what its chat has got by then. */
    async function serveToTheEnd(home: Home, folder = "family"): Promise<readonly OutgoingMessage[]> {
      const { serve, close } = await serveHere(home, { sweepEveryMs: 100 }, { NOVABOT_MAX_WARM: "0" });
      await vi.waitFor(() => expect(serve.status()).toMatchObject({ groups: [], outbox: 0 }), { timeout: 90_000, interval: 20 });
      const messages = (await serve.localChats.messages(`${folder}@g.us`, 0)).map((added) => added.message);
      await close();
      expect(await under.engine.list({ [labels.home]: home.label })).toEqual([]);
      return messages;
    }

    const answers = (messages: readonly OutgoingMessage[]): string[] =>
      messages.filter(({ kind }) => kind === "answer").map(({ text }) => text);

    describe("killed at a step of a delivery and started again", () => {
      test.each(["accepted", "started", "made", "answering"])("%s: the message is answered once", async (step) => {
        const home = await makeHome(echo);
        const hang = join(home.groups, "family/hang");
        await writeFile(hang, "");
        const child = await startChild(home, step);
        expect(await callServe(home, "/v1/deliver", message("family", "one"))).toMatchObject({ accepted: true });
        await child.said("stopped");
        await callServe(home, "/v1/deliver", message("family", "two"));
        await end(child.process, "SIGKILL");
        await rm(hang);
        const messages = await serveToTheEnd(home);
        expect(messages.map(({ kind }) => kind)).toEqual(["answer"]);
        expect(answers(messages)).toEqual(["one+two"]);
      });

      test("answered, not settled: the answer is there once, and the chat is told that it may be cut short", async () => {
        const home = await makeHome(echo);
        const child = await startChild(home, "answered, not settled");
        await callServe(home, "/v1/deliver", message("family", "one"));
        await child.said("stopped");
        await callServe(home, "/v1/deliver", message("family", "two"));
        await end(child.process, "SIGKILL");
        const messages = await serveToTheEnd(home);
        expect(answers(messages)).toEqual(["one", "two"]);
        expect(messages.filter(({ kind }) => kind === "notice").map(({ text }) => text)).toEqual([
          "NovaBot was stopped meanwhile; the answer may not be complete.",
        ]);
      });

      test.each(["settled, not sent", "sent, not noted", "over"])("%s: the answer is there once", async (step) => {
        const home = await makeHome(echo);
        const child = await startChild(home, step);
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
        const messages = await serveToTheEnd(home);
        expect(messages.map(({ text }) => text)).toEqual(["one"]);
        // And again: nothing comes of what is over.
        expect(await serveToTheEnd(home)).toEqual(messages);
      });

      test("again and again, in the middle of many: every message is answered once, in order", async () => {
        const folders = ["family", "work", "friends"];
        const home = await makeHome(echo, folders);
        const ids = Array.from({ length: 30 }, (_, index) => `n${index}`);
        let next = 0;
        while (next < ids.length) {
          const child = await startChild(home);
          const until = Math.min(ids.length, next + 5 + (next % 4));
          for (; next < until; next += 1) {
            for (const folder of folders) await callServe(home, "/v1/deliver", message(folder, ids[next] ?? ""));
            await delay(next % 3 ? 30 : 150);
          }
          await end(child.process, "SIGKILL");
        }
        for (const folder of folders) {
          expect(answers(await serveToTheEnd(home, folder)).flatMap((text) => text.split("+"))).toEqual(ids);
        }
      }, 120_000);

      test("with containers ready for the next messages: they are removed, and others made", async () => {
        const home = await makeHome(echo, ["family"], { ...cold, mode: "warm" });
        const child = await startChild(home);
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
        const { serve, events } = await serveHere(home);
        const there = await under.engine.list({ [labels.home]: home.label });
        expect(there.map((container) => container.name)).not.toContain(ready);
        await serve.queue.deliver(message("family", "two"));
        await vi.waitFor(() => expect(events.map(({ kind }) => kind)).toContain("settled"), { timeout: 20_000 });
        expect((await serve.localChats.messages("family@g.us", 0)).map((added) => added.message.text)).toEqual(["one", "two"]);
      });
    });

    test("a container that a dead host's last request makes only afterwards is removed as well", async () => {
      const home = await makeHome(echo);
      const cleaned: string[] = [];
      await serveHere(home, { sweepEveryMs: 100, onCleanUp: (containers) => void cleaned.push(...containers) });
      await under.engine.create({
        name: `late-${process.pid}-${home.label}`,
        image,
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
      await vi.waitFor(async () => expect(await under.engine.list({ [labels.home]: home.label })).toEqual([]), {
        timeout: 10_000,
        interval: 20,
      });
      await vi.waitFor(() => expect(cleaned).toEqual([`late-${process.pid}-${home.label}`]));
    });

    test("killed at random, again and again: each message is answered once, in order, each task done once, nothing is left", async () => {
      const folders = ["cold", "warm", "kept", "busy"];
      const modes = ["cold", "warm", "persistent", "warm"] as const;
      const random = generator(name.length);
      const home = await makeHome(echo, folders);
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
        const child = await startChild(home, "", { NOVABOT_AGENT_IMAGE: everything });
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
          answers(await serveToTheEnd(home, folder)).flatMap((text) => text.split("+").filter(Boolean)),
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

    test("a message that is delivered again is answered once, also after a restart", async () => {
      const home = await makeHome(echo);
      const first = await startChild(home);
      const deliver = async (): Promise<unknown> => await callServe(home, "/v1/deliver", message("family", "one"));
      expect(await Promise.all([deliver(), deliver(), deliver()])).toEqual(
        expect.arrayContaining([expect.objectContaining({ accepted: true }), expect.objectContaining({ accepted: false })]),
      );
      await end(first.process, "SIGKILL");
      const second = await startChild(home);
      expect(await deliver()).toMatchObject({ accepted: false });
      await end(second.process, "SIGTERM");
      expect(answers(await serveToTheEnd(home))).toEqual(["one"]);
    });

    test("stopped in order in the middle of a run: the message is answered at the next start, without a word about it", async () => {
      const home = await makeHome(echo);
      const hang = join(home.groups, "family/hang");
      await writeFile(hang, "");
      const child = await startChild(home, "answering");
      await callServe(home, "/v1/deliver", message("family", "one"));
      await child.said("stopped");
      expect(await end(child.process, "SIGTERM")).toBe(0);
      expect(await under.engine.list({ [labels.home]: home.label })).toEqual([]);
      await rm(hang);
      expect((await serveToTheEnd(home)).map(({ text }) => text)).toEqual(["one"]);
    });

    test("stopped with patience: who waits for an answer sees it come, and new messages are refused", async () => {
      const home = await makeHome(`${polite}\n${texts}\nwhile [ -e hang ]; do sleep 0.05; done\nframe "$(texts "$input")"`);
      const hang = join(home.groups, "family/hang");
      await writeFile(hang, "");
      const { serve } = await serveHere(home);
      await serve.queue.deliver(message("family", "one"));
      await vi.waitFor(() => expect(serve.queue.runOf("family")).not.toBeNull(), { timeout: 20_000 });
      const heard: string[] = [];
      const watching = (async () => {
        const path = `/v1/chats/${encodeURIComponent("family@g.us")}/messages?after=0`;
        for await (const { event } of watchServe(home, path, new AbortController().signal)) heard.push(event);
      })();
      await vi.waitFor(() => expect(heard).toContain("ready"));
      const closing = serve.close(new AbortController().signal);
      await vi.waitFor(
        async () => await expect(callServe(home, "/v1/deliver", message("family", "two"))).rejects.toThrow(/being stopped/),
      );
      expect(await callServe(home, "/v1/status")).toMatchObject({ groups: [{ group: "family" }] });
      await rm(hang);
      await closing;
      await watching;
      expect(heard).toEqual(["ready", "message", "over"]);
      await expect(callServe(home, "/v1/status")).rejects.toMatchObject({ code: "SERVE_NOT_RUNNING" });
    });

    test("an engine that goes away and comes back: its messages wait, status says why, and each is answered once", async () => {
      const home = await makeHome(echo, ["family", "work"]);
      const { serve } = await serveHere(home, { runBackoff: () => 500 });
      await serve.queue.deliver(message("family", "one"));
      await vi.waitFor(() => expect(serve.status()).toMatchObject({ groups: [], outbox: 0 }), { timeout: 20_000 });
      await under.daemon.kill("SIGKILL");
      try {
        for (const id of ["two", "three"])
          for (const folder of ["family", "work"]) await serve.queue.deliver(message(folder, id));
        await vi.waitFor(
          () =>
            expect(serve.status().groups).toMatchObject(
              ["family", "work"].map((group) => ({ group, waiting: 2, reason: expect.stringContaining("engine") as string })),
            ),
          { timeout: 20_000, interval: 20 },
        );
      } finally {
        await under.daemon.start();
      }
      await vi.waitFor(() => expect(serve.status()).toMatchObject({ groups: [], outbox: 0, failures: [] }), {
        timeout: 60_000,
        interval: 50,
      });
      for (const [folder, expected] of [
        ["family", ["one", "two", "three"]],
        ["work", ["two", "three"]],
      ] as const) {
        const said = (await serve.localChats.messages(`${folder}@g.us`, 0)).map((added) => added.message.text);
        expect(said.flatMap((text) => text.split("+"))).toEqual(expected);
      }
    }, 150_000);

    test("two on one home: the second refuses and says who holds it", async () => {
      const home = await makeHome(echo);
      const child = await startChild(home);
      await expect(serveHere(home)).rejects.toMatchObject({
        code: "HOME_BUSY",
        message: expect.stringContaining(`process ${child.process.pid} on `) as string,
        facts: { pid: child.process.pid },
      });
      expect(await callServe(home, "/v1/deliver", message("family", "one"))).toMatchObject({ accepted: true });
      await end(child.process, "SIGKILL");
      expect(answers(await serveToTheEnd(home))).toEqual(["one"]);
    });

    test.each([-50, 0, 50])("a follow-up %i ms from the agent's closing is answered once, in order", async (offset) => {
      const groups = ["g1", "g2", "g3"];
      const home = await makeHome(talkative, groups);
      const { serve, events } = await serveHere(home, {}, { NOVABOT_AGENT_IMAGE: able });
      const talk = async (folder: string): Promise<void> => {
        for (let round = 0; round < 8; round += 1) {
          const [first, second, third] = ["a", "b", "c"].map((letter) => message(folder, `${folder}-${round}${letter}`));
          const begun = events.length;
          await serve.queue.deliver(first);
          await vi.waitFor(
            () => expect(events.slice(begun)).toContainEqual(expect.objectContaining({ kind: "answered", group: folder })),
            {
              timeout: 20_000,
              interval: 2,
            },
          );
          await delay(300 + offset + ((round * 7) % 20));
          await Promise.all([serve.queue.deliver(second), serve.queue.deliver(third)]);
          await vi.waitFor(() => expect(serve.status().groups.filter(({ group }) => group === folder)).toEqual([]), {
            timeout: 20_000,
            interval: 5,
          });
        }
      };
      await Promise.all(groups.map(talk));
      for (const folder of groups) {
        const ids = Array.from({ length: 8 }, (_, round) =>
          ["a", "b", "c"].map((letter) => `${folder}-${round}${letter}`),
        ).flat();
        const said = (await serve.localChats.messages(`${folder}@g.us`, 0)).map((added) => added.message.text);
        expect(said.flatMap((text) => text.split("+"))).toEqual(ids);
      }
      const handed = events.filter(({ kind }) => kind === "handed").length;
      if (offset === -50) expect(handed).toBeGreaterThan(0);
    });

    test("cancelled: the run is over within the grace time, and the next message is answered", async () => {
      const home = await makeHome(`trap '' TERM\n${echo}`);
      const hang = join(home.groups, "family/hang");
      await writeFile(hang, "");
      const { serve } = await serveHere(home);
      await serve.queue.deliver(message("family", "one"));
      await vi.waitFor(() => expect(serve.queue.runOf("family")).not.toBeNull(), { timeout: 20_000 });
      const since = performance.now();
      expect(await callServe(home, "/v1/cancel", { name: "family" })).toMatchObject({ stopped: [{ group: "family" }] });
      expect(performance.now() - since).toBeLessThan(20_000);
      expect(await under.engine.list({ [labels.home]: home.label })).toEqual([]);
      await rm(hang);
      await serve.queue.deliver(message("family", "two"));
      await vi.waitFor(
        async () =>
          expect((await serve.localChats.messages("family@g.us", 0)).map((added) => added.message.text)).toEqual([
            "This was cancelled before it was answered.",
            "two",
          ]),
        { timeout: 20_000 },
      );
    });

    test("an agent that fails is tried again, then the chat is told; one that recovers answers", async () => {
      const home = await makeHome(`echo ran >>tries; exit 3`, ["family", "work"]);
      await writeFile(join(home.groups, "work/agent.sh"), `echo x >>tries; [ $(wc -l <tries) -lt 3 ] && exit 3\n${echo}`);
      const { serve, events } = await serveHere(home);
      await Promise.all(["family", "work"].map(async (folder) => await serve.queue.deliver(message(folder, "one"))));
      await vi.waitFor(() => expect(serve.status()).toMatchObject({ groups: [], outbox: 0 }), { timeout: 40_000, interval: 50 });
      expect(events.filter((event) => event.kind === "begun" && event.group === "family")).toHaveLength(5);
      const told = await serve.localChats.messages("family@g.us", 0);
      expect(told.map((added) => added.message)).toMatchObject([
        { kind: "notice", text: expect.stringContaining("after 5 tries") as string },
      ]);
      expect(serve.status().failures).toMatchObject([{ group: "family", id: "family-one", outcome: "failed" }]);
      expect((await serve.localChats.messages("work@g.us", 0)).map((added) => added.message.text)).toEqual(["one"]);
    });

    test("a chat that fails and recovers gets every answer once, in order", async () => {
      const home = await makeHome(echo);
      let sends = 0;
      const { serve, events } = await serveHere(home, {
        chats: (local) => ({
          async send(outgoing) {
            sends += 1;
            // Sometimes before, sometimes after the chat has it.
            if (sends % 3 === 1) throw new Error("away");
            await local.send(outgoing);
            if (sends % 3 === 2) throw new Error("away again");
          },
        }),
      });
      for (const id of ["one", "two", "three"]) {
        await serve.queue.deliver(message("family", id));
        await delay(300);
      }
      await vi.waitFor(() => expect(serve.status()).toMatchObject({ groups: [], outbox: 0 }), { timeout: 20_000, interval: 20 });
      const said = (await serve.localChats.messages("family@g.us", 0)).map((added) => added.message.text);
      expect(said.flatMap((text) => text.split("+"))).toEqual(["one", "two", "three"]);
      expect(events.map(({ kind }) => kind)).toContain("unsent");
    });
  });
}

interface Child {
  readonly process: ChildProcess;
  /** Resolves when the process has said this word. */
  said(word: string): Promise<void>;
}

interface Here {
  readonly serve: Serve;
  readonly events: readonly QueueEvent[];
  close(): Promise<void>;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }
  return child.exitCode;
}

function message(folder: string, id: string): IncomingMessage {
  return {
    chatJid: `${folder}@g.us`,
    sender: "Ada",
    text: `text of ${id}`,
    id: id.startsWith(folder) ? id : `${folder}-${id}`,
    timestamp: new Date().toISOString(),
  };
}
