import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readKills, watchMemoryKills } from "../../../../src/engine/engine-api/memory-kills.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

test("the kernel's count of kills", () => {
  expect(readKills("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")).toBe(3);
  expect(readKills("oom_kill_disable 1\nunder_oom 0\n")).toBe(0);
  expect(readKills("")).toBe(0);
});

/** A directory like the kernel's own, of cgroups of version 1. */
async function hierarchy(): Promise<{ readonly root: string; count(group: string, kills: number): Promise<void> }> {
  const root = await temporaryDirectory();
  const count = async (group: string, kills: number): Promise<void> => {
    await mkdir(join(root, group), { recursive: true });
    await writeFile(join(root, group, "memory.oom_control"), `oom_kill_disable 0\nunder_oom 0\noom_kill ${kills}\n`);
  };
  await count(".", 7);
  return { root, count };
}

test("a kill is seen in the group that there is, also of a container that starts later, and stays seen when the group is gone", async () => {
  const { root, count } = await hierarchy();
  const [kills, others] = [watchMemoryKills(["one/a", "two/a"], root), watchMemoryKills(["one/b"], root)];
  onTestFinished(() => (kills.stop(), others.stop()));
  await count("one/b", 0);
  await count("two/a", 0);
  expect(kills.seen).toBe(false);
  await count("two/a", 1);
  await expect.poll(() => kills.seen).toBe(true);
  await rm(join(root, "two"), { recursive: true });
  expect([kills.seen, others.seen]).toEqual([true, false]);
});

test("a host without such groups is not looked at", async () => {
  const { root, count } = await hierarchy();
  await rm(join(root, "memory.oom_control"));
  await count("a", 1);
  const kills = watchMemoryKills(["a"], root);
  expect(kills.seen).toBe(false);
  kills.stop();
});
