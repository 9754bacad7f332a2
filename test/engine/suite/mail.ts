import { readFile, readdir, stat } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { agentUser } from "../../../src/agents/home/agent-user.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import { thisHost } from "../../../src/host/this-host.ts";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { openMailOf, type MailStage } from "../../fixtures/mail.ts";
import { buildScriptImage, openStage, polite, type Stage } from "../../fixtures/stage.ts";

/** `mail SLOT NAME JSON` writes as the command in the container does; `await_file PATH TEXT` waits until a file holds a text. */
const writer = `${polite}
mail() { printf '%s' "$3" > "/workspace/ipc/$1/.$2"; mv "/workspace/ipc/$1/.$2" "/workspace/ipc/$1/$2"; }
await_file() { for _ in $(seq 200); do grep -qs -- "$2" "$1" && return 0; sleep 0.1; done; return 1; }
`;
const soon = { timeout: 15_000, interval: 50 };

/** Mail from a real container, on whatever engine: written by the agent's own user through its mount. */
export function describeMail(engineName: string, open: () => Promise<TestEngine>): void {
  describe(`mail on ${engineName}`, () => {
    let under: TestEngine;
    let engine: Engine;
    let image: string;

    beforeAll(async () => {
      under = await open();
      engine = under.engine;
      image = await buildScriptImage(engine, under.image, "2");
    });

    afterAll(async () => await under?.dispose());

    async function openMail(): Promise<{ stage: Stage; mail: MailStage }> {
      const stage = await openStage(engine, image);
      return { stage, mail: await openMailOf(stage.home, agentUser(thisHost(), await engine.probe())) };
    }

    test("a message and a task arrive while the agent is at work, and it sees the task", async () => {
      const { stage, mail } = await openMail();
      const family = await stage.group(
        "family",
        `${writer}
mail messages 1.json "{\\"type\\":\\"message\\",\\"text\\":\\"written by $(id -u)\\"}"
mail tasks 1.json '{"type":"schedule","prompt":"Look.","schedule":{"type":"interval","value":60000}}'
mail messages 2.json '{"type":"message","text":"elsewhere","chatJid":"other@g.us"}'
await_file /workspace/ipc/current_tasks.json Look. && await_file /workspace/ipc/errors/2.json.reason.json MAIL_FORBIDDEN && frame seen`,
      );
      await stage.group("other", polite);
      await mail.start();
      const { result } = await stage.run(family);
      expect(result).toBe("seen");
      expect(mail.posted).toMatchObject([{ chatJid: "family@g.us", text: expect.stringMatching(/^written by \d+$/) }]);
      if (process.getuid?.() === 0 && !(await engine.probe()).shiftsIDs) expect(mail.texts()).toEqual(["written by 1000"]);
      expect(mail.tasks.list("owner")).toMatchObject([{ group: "family", createdBy: "family", prompt: "Look." }]);
      for (const slot of ["messages", "tasks"] as const)
        await expect.poll(async () => await readdir(mail.path("family", slot)), soon).toEqual([]);
    });

    test("an agent that spoils its slots spoils its own alone", async () => {
      const { stage, mail } = await openMail();
      const hostile = await stage.group(
        "hostile",
        `${writer}
cd /workspace/ipc
ln -s /workspace/group/agent.sh messages/link.json; ln -s /etc/passwd messages/passwd.json
mkfifo messages/fifo.json; truncate -s 1T messages/sparse.json; mkdir -p messages/directory.json/inner
ln -sfn / errors; rm -f current_tasks.json; mkdir current_tasks.json; touch current_tasks.json/x
for name in $(seq 1000); do echo '{' > messages/junk$name.json; done
rmdir tasks; ln -s /workspace/group tasks
frame spoilt`,
      );
      const quiet = await stage.group(
        "quiet",
        `${writer}\nmail messages 1.json '{"type":"message","text":"still here"}'\nframe sent`,
      );
      await mail.start();
      expect((await stage.run(hostile)).result).toBe("spoilt");
      expect((await stage.run(quiet)).result).toBe("sent");
      await expect.poll(() => mail.texts(), soon).toEqual(["still here"]);
      await expect.poll(async () => (await stat(mail.path("hostile", "current_tasks.json"))).isFile(), soon).toBe(true);
      await expect
        .poll(async () => await readdir(mail.path("hostile", "messages")), { timeout: 60_000, interval: 200 })
        .toEqual([]);
      expect((await stat(mail.path("hostile", "tasks"))).isDirectory()).toBe(true);
      expect(await readFile(`${stage.home.groups}/hostile/agent.sh`, "utf8")).toContain("spoilt");
      expect((await readdir(mail.path("hostile", "errors"))).length).toBeLessThan(500);
    });
  });
}
