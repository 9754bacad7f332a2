import { appendFile, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { prepareHome } from "../../../../src/agents/home/prepare.ts";
import type { Home } from "../../../../src/agents/home/home.ts";
import { fingerprint } from "../../../../src/agents/pool/fingerprint.ts";
import { planRun, type RunPlan } from "../../../../src/agents/run/plan.ts";
import type { ImageInfo } from "../../../../src/engine/engine.ts";
import type { Group } from "../../../../src/model/group.ts";
import { temporaryHome } from "../../../fixtures/home.ts";
import { ableEngine, everything } from "../../../fixtures/planned-engine.ts";

const image: ImageInfo = { id: "sha256:1", tags: [], labels: {}, sizeBytes: 1, user: "" };
const family: Group = { jid: "1@g.us", name: "Family", folder: "family", isMain: false, containerConfig: { env: ["TOKEN"] } };

async function planned(home: Home, group: Group = family): Promise<RunPlan> {
  return await planRun(group, {
    home,
    groups: [family],
    capabilities: everything,
    engine: ableEngine,
    env: { HOME: "/nobody", TZ: "UTC" },
    host: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, platform: "linux" },
  });
}

async function prepared(): Promise<Home> {
  const home = await temporaryHome();
  await writeFile(home.envFile, "TOKEN=one\n");
  await prepareHome(home, await planned(home));
  return home;
}

test("stays the same while nothing changes that the container would show", async () => {
  const home = await prepared();
  const first = await fingerprint({ plan: await planned(home), image }, home, false);
  expect(first).toMatch(/^[\w-]{43}$/);
  await writeFile(join(home.groups, "family/new-file"), "x");
  await appendFile(home.envFile, "OTHER=1\n");
  const renamed = { ...family, name: "Our family" };
  expect(await fingerprint({ plan: await planned(home, renamed), image }, home, false)).toBe(first);
});

test.each<[string, Group, Partial<ImageInfo>, boolean]>([
  ["the memory", { ...family, containerConfig: { ...family.containerConfig, memory: "1g" } }, {}, false],
  ["the agent", { ...family, agent: "demo" }, {}, false],
  ["the chat", { ...family, jid: "2@g.us" }, {}, false],
  ["the network", { ...family, containerConfig: { ...family.containerConfig, network: "none" } }, {}, false],
  ["the image", family, { id: "sha256:2" }, false],
  ["being kept", family, {}, true],
])("changes with %s", async (what, group, changes, kept) => {
  const home = await prepared();
  if (what === "the chat") await rm(join(home.data, "sessions"), { recursive: true });
  if (what === "the chat") await prepareHome(home, await planned(home, group));
  const before = await fingerprint(
    { plan: what === "the chat" ? { ...(await planned(home, group)), group: family } : await planned(home), image },
    home,
    false,
  );
  const after = await fingerprint({ plan: await planned(home, group), image: { ...image, ...changes } }, home, kept);
  expect(after).toBeDefined();
  expect(after).not.toBe(before);
});

test("changes when another directory, or a link, stands at a mount's source", async () => {
  const home = await prepared();
  const print = async (): Promise<string | undefined> => await fingerprint({ plan: await planned(home), image }, home, false);
  const first = await print();
  const folder = join(home.groups, "family");
  await rename(folder, `${folder}-old`);
  expect(await print()).toBeUndefined();
  await mkdir(join(folder, "logs"), { recursive: true });
  const second = await print();
  expect(second).toBeDefined();
  expect(second).not.toBe(first);
  await rename(folder, `${folder}-new`);
  await symlink(`${folder}-old`, folder);
  expect(await print()).not.toBe(first);
  await rm(folder);
  await rename(`${folder}-old`, folder);
  expect(await print()).toBe(first);
});

test("is none while the env file is not what it shall be, in the home's file or in the one that is mounted", async () => {
  const home = await prepared();
  const plan = await planned(home);
  await writeFile(home.envFile, "TOKEN=two\n");
  expect(await fingerprint({ plan: await planned(home), image }, home, false)).toBeUndefined();
  await prepareHome(home, await planned(home));
  expect(await fingerprint({ plan, image }, home, false)).toBeUndefined();
});
