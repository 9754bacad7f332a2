import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { changeGroups } from "../../../../src/agents/groups/registry.ts";
import type { Home } from "../../../../src/agents/home/home.ts";
import { temporaryHome } from "../../../fixtures/home.ts";

const program = fileURLToPath(new URL("../../../fixtures/mail-host.ts", import.meta.url));
const letters = 300;
const chores = 60;

/** A host that is at work, and is killed at the latest when the test ends. */
async function startHost(home: Home, base: number): Promise<{ kill(): Promise<void> }> {
  const child = spawn(process.execPath, [program, home.root, String(base)], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  onTestFinished(() => void child.kill("SIGKILL"));
  await Promise.race([once(child.stdout, "data"), ended]);
  return {
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function linesOf(home: Home, name: string): Promise<string[]> {
  const text = await readFile(join(home.root, name), "utf8").catch(() => "");
  return text.split("\n").filter((line) => line !== "");
}

test("a host that is killed again and again loses no mail and doubles none", async () => {
  const home = await temporaryHome();
  const base = Date.now();
  await changeGroups(home, () => [{ jid: "family@g.us", name: "Family", folder: "family", isMain: false }]);
  const slot = (name: string): string => join(home.data, "ipc/family", name);
  await mkdir(slot("messages"), { recursive: true });
  await mkdir(slot("tasks"), { recursive: true });
  for (let index = 0; index < letters; index += 1) {
    const name = String(index).padStart(4, "0");
    await writeFile(slot(`messages/${name}.json`), JSON.stringify({ type: "message", text: name }));
  }
  for (let index = 0; index < chores; index += 1) {
    const schedule = { type: "once", value: "2999-01-01T00:00Z" };
    await writeFile(slot(`tasks/${index}.json`), JSON.stringify({ type: "schedule", prompt: `chore ${index}`, schedule }));
  }
  await writeFile(
    slot("tasks/often.json"),
    JSON.stringify({ type: "schedule", prompt: "often", schedule: { type: "interval", value: 10_000 } }),
  );
  const remaining = async (): Promise<number> => (await readdir(slot("messages"))).length + (await readdir(slot("tasks"))).length;
  let kills = 0;
  while ((await remaining()) > 0) {
    const host = await startHost(home, base);
    // At another step each time.
    await delay(15 + ((kills * 37) % 150));
    await host.kill();
    kills += 1;
    expect(kills).toBeLessThan(200);
  }
  expect(kills).toBeGreaterThan(2);
  const texts = (await linesOf(home, "outbox")).map((line) => line.split("\t")[1]);
  expect(texts).toEqual(Array.from({ length: letters }, (_, index) => String(index).padStart(4, "0")));
  const { tasks } = JSON.parse(await readFile(join(home.host, "tasks.json"), "utf8")) as {
    tasks: { prompt: string; anchor: string }[];
  };
  expect(tasks.map(({ prompt }) => prompt).toSorted()).toEqual(
    [...Array.from({ length: chores }, (_, index) => `chore ${index}`), "often"].toSorted(),
  );
  // The task that was due all the time: each time once, in order, each one of its plan.
  for (let more = 0; more < 5; more += 1) {
    const host = await startHost(home, base);
    await delay(200 + more * 41);
    await host.kill();
  }
  const jobs = (await linesOf(home, "jobs")).map((line) => line.split("\t")[1] ?? "");
  const anchor = Date.parse(tasks.find(({ prompt }) => prompt === "often")?.anchor ?? "");
  expect(jobs.length).toBeGreaterThan(3);
  expect(jobs).toEqual([...new Set(jobs)].toSorted());
  for (const plannedAt of jobs) expect((Date.parse(plannedAt) - anchor) % 10_000).toBe(0);
});
