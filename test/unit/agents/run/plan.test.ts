import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Home } from "../../../../src/agents/home/home.ts";
import { planRun, type PlanContext } from "../../../../src/agents/run/plan.ts";
import type { Group } from "../../../../src/model/group.ts";
import { temporaryHome } from "../../../fixtures/home.ts";
import { ableEngine as engine, everything as capabilities } from "../../../fixtures/planned-engine.ts";

const family: Group = { jid: "1@g.us", name: "Family", folder: "family", isMain: false };
const main: Group = { jid: "2@g.us", name: "Me", folder: "main", isMain: true };

function context(home: Home, changes: Partial<PlanContext> = {}): PlanContext {
  return {
    home,
    groups: [family, main],
    capabilities,
    engine,
    env: { HOME: "/nobody", TZ: "Europe/Paris" },
    host: { uid: 0, gid: 0, platform: "linux" },
    ...changes,
  };
}

test("a group sees its own folder, logs read-only, global memory, session, mail slots and env, and nothing else", async () => {
  const home = await temporaryHome();
  const plan = await planRun(family, context(home));
  expect(
    plan.mounts.map(({ source, target, readonly }) => `${source.slice(home.root.length)} ${target} ${readonly ? "ro" : "rw"}`),
  ).toEqual([
    "/groups/family /workspace/group rw",
    "/groups/family/logs /workspace/group/logs ro",
    "/groups/global /workspace/global ro",
    "/data/sessions/family/.claude /home/node/.claude rw",
    "/data/ipc/family /workspace/ipc rw",
    "/data/env/family /workspace/env-dir ro",
  ]);
  expect(plan).toMatchObject({
    workingDirectory: "/workspace/group",
    network: "egress",
    gateway: { broker: null, egress: [] },
    timeoutMs: 300_000,
    graceMs: 15_000,
    user: { uid: 1000, gid: 1000 },
  });
  expect(plan.limits).toEqual({ memoryBytes: 2 ** 31, memorySwapBytes: 2 ** 31, cpus: 2, pids: 512 });
  expect(await readdir(home.root)).toEqual([]);
});

test("main sees the home part by part, and credentials are not among the parts", async () => {
  const home = await temporaryHome();
  for (const name of [".env", ".env.local", ".ENV.bak", "notes.md", "a,b"]) await writeFile(join(home.root, name), "SECRET=1");
  for (const name of [".env.d", "modules", "secrets", "data"]) await mkdir(join(home.root, name));
  await symlink("/etc/passwd", join(home.root, "link"));
  const plan = await planRun(main, context(home));
  const parts = plan.mounts.filter(({ target }) => target.startsWith("/workspace/project"));
  expect(parts.map(({ target, readonly }) => `${target.slice("/workspace/project".length)} ${readonly ? "ro" : "rw"}`)).toEqual([
    " ro",
    "/groups/global rw",
    "/groups/family rw",
    "/groups/family/logs ro",
    "/groups/main rw",
    "/groups/main/logs ro",
    "/modules rw",
    "/notes.md rw",
  ]);
  expect(parts[0]?.source).toBe(join(home.host, "project"));
  expect(plan.hidden.map(({ target }) => target.slice("/workspace/project/".length))).toEqual([
    ".ENV.bak",
    ".env",
    ".env.d",
    ".env.local",
    "a,b",
    "data",
    "link",
    "secrets",
    "store",
  ]);
  const order = plan.mounts.map((mount) => mount.target);
  for (const [index, target] of order.entries()) {
    for (const later of order.slice(index + 1)) expect(target.startsWith(`${later}/`), `${later} after ${target}`).toBe(false);
  }
});

test("main does not see the directories that the host mounts into workers", async () => {
  const home = await temporaryHome();
  await mkdir(join(home.root, "workers/web"), { recursive: true });
  const plan = await planRun(main, context(home));
  expect(plan.mounts.map(({ target }) => target)).not.toContain("/workspace/project/workers");
  expect(plan.hidden).toContainEqual({ target: "/workspace/project/workers", why: "the workers' directories" });
});

test("in a home with a contract, main neither sees the modules' env files nor changes what the host goes by", async () => {
  const home = await temporaryHome();
  await mkdir(join(home.root, "modules/waha"), { recursive: true });
  for (const name of ["contract.yaml", ".sops.yaml", "novabot.yaml", "modules/waha/.env.local"])
    await writeFile(join(home.root, name), "");
  const plan = await planRun(main, context(home));
  const parts = plan.mounts.filter(({ target }) => /^\/workspace\/project\/(?!groups)/.test(target));
  expect(parts.map(({ target, readonly }) => [target.slice("/workspace/project/".length), readonly])).toEqual([
    [".sops.yaml", true],
    ["contract.yaml", true],
    ["novabot.yaml", true],
  ]);
  expect(plan.hidden.map(({ target }) => target)).toContain("/workspace/project/modules");
});

test("an engine that mounts no single files leaves main the directories", async () => {
  const home = await temporaryHome();
  await writeFile(join(home.root, "notes.md"), "");
  await mkdir(join(home.root, "modules"));
  const plan = await planRun(main, context(home, { capabilities: { ...capabilities, fileMounts: false } }));
  const targets = plan.mounts.map(({ target }) => target);
  expect(targets).toContain("/workspace/project/modules");
  expect(targets).not.toContain("/workspace/project/notes.md");
  expect(plan.hidden).toContainEqual({ target: "/workspace/project/notes.md", why: "this engine mounts directories only" });
});

test("an allowlist that a link leads to is known by its real place", async () => {
  const home = await temporaryHome();
  await mkdir(join(home.root, "modules"));
  await symlink(join(home.root, "modules"), `${home.root}-link`);
  const env = { NOVABOT_MOUNT_ALLOWLIST: `${home.root}-link/allow.json` };
  await expect(planRun(main, context(home, { env }))).rejects.toMatchObject({ code: "ALLOWLIST_INVALID" });
});

test("the API's key stays outside; what the owner allowed by name goes in", async () => {
  const home = await temporaryHome();
  await writeFile(home.envFile, "ANTHROPIC_API_KEY=k\nCLAUDE_CODE_OAUTH_TOKEN=o\nGITHUB_TOKEN=t\nDATABASE_PASSWORD=p\n");
  const plan = await planRun({ ...family, containerConfig: { env: ["GITHUB_TOKEN", "NPM_TOKEN"] } }, context(home));
  expect([...plan.variables]).toEqual([["GITHUB_TOKEN", "t"]]);
  expect([...plan.secrets]).toEqual([["ANTHROPIC_API_KEY", "k"]]);
  expect(plan.gateway?.broker).toEqual({ upstream: "https://api.anthropic.com/", credential: "ANTHROPIC_API_KEY" });
  expect(plan.missingVariables).toEqual(["NPM_TOKEN"]);
  expect(plan.gaps).toEqual([]);
});

test("a key that the owner names goes into the container, with a warning and no broker", async () => {
  const home = await temporaryHome();
  await writeFile(home.envFile, "ANTHROPIC_API_KEY=k\nANTHROPIC_BASE_URL=http://10.0.0.5:4000/v\n");
  const plan = await planRun({ ...family, containerConfig: { env: ["ANTHROPIC_API_KEY"] } }, context(home));
  expect([...plan.variables]).toEqual([["ANTHROPIC_API_KEY", "k"]]);
  expect([...plan.secrets]).toEqual([]);
  expect(plan.gateway).toEqual({
    broker: null,
    egress: [{ host: "10.0.0.5", port: 4000, private: true, source: expect.stringContaining("env file") }],
  });
  expect(plan.gaps).toEqual([expect.stringContaining("ANTHROPIC_API_KEY goes into the container")]);
});

test("where the API is: .env, then the host's environment", async () => {
  const home = await temporaryHome();
  await writeFile(home.envFile, "CLAUDE_CODE_OAUTH_TOKEN=o\n");
  const env = { HOME: "/nobody", ANTHROPIC_BASE_URL: "https://gateway.example/anthropic" };
  expect((await planRun(family, context(home, { env }))).gateway?.broker).toEqual({
    upstream: "https://gateway.example/anthropic",
    credential: "CLAUDE_CODE_OAUTH_TOKEN",
  });
  for (const bad of ["gateway.example", "https://u:p@gateway.example", "https://a.example/?q=1", "file:///etc"]) {
    await writeFile(home.envFile, `CLAUDE_CODE_OAUTH_TOKEN=o\nANTHROPIC_BASE_URL=${bad}\n`);
    await expect(planRun(family, context(home, { env }))).rejects.toMatchObject({ code: "ENV_INVALID" });
  }
});

test("an egress network's rules are the owner's and the group's, each with its place", async () => {
  const home = await temporaryHome();
  const list = `${home.root}-egress.json`;
  await writeFile(list, '{"allow":["api.example.org",{"host":"nas.lan","private":true}]}');
  const env = { HOME: "/nobody", NOVABOT_EGRESS_ALLOWLIST: list };
  const group: Group = { ...family, containerConfig: { egress: ["*.debian.org:80"] } };
  expect((await planRun(group, context(home, { env }))).gateway?.egress).toEqual([
    { host: "api.example.org", port: 443, private: false, source: `${list}, allow.0` },
    { host: "nas.lan", port: 443, private: true, source: `${list}, allow.1` },
    { host: "*.debian.org", port: 80, private: false, source: "group family, containerConfig.egress.0" },
  ]);
  await expect(planRun({ ...family, containerConfig: { egress: ["https://x"] } }, context(home))).rejects.toMatchObject({
    code: "EGRESS_INVALID",
    place: "group family, containerConfig.egress.0",
  });
  await writeFile(join(home.root, "egress.json"), "{}");
  await symlink(home.root, `${home.root}-link`);
  const inside = { HOME: "/nobody", NOVABOT_EGRESS_ALLOWLIST: `${home.root}-link/egress.json` };
  await expect(planRun(family, context(home, { env: inside }))).rejects.toMatchObject({ code: "EGRESS_INVALID" });
});

test.each([
  ["none", { network: "none", gateway: null }],
  ["open", { network: "open", gateway: { egress: null, broker: { credential: "ANTHROPIC_API_KEY" } } }],
] as const)("network %s", async (network, expected) => {
  const home = await temporaryHome();
  await writeFile(home.envFile, "ANTHROPIC_API_KEY=k\n");
  const plan = await planRun({ ...family, containerConfig: { network } }, context(home));
  expect(plan).toMatchObject(expected);
  expect([...plan.variables]).toEqual([]);
});

test("an engine in a virtual machine takes no socket: egress is refused, and what falls back says so", async () => {
  const home = await temporaryHome();
  await writeFile(home.envFile, "ANTHROPIC_API_KEY=k\n");
  const inVM = context(home, { engine: { ...engine, sharesKernel: false } });
  const plan = await planRun(family, inVM);
  expect(plan).toMatchObject({ network: "open", gateway: null });
  expect([...plan.variables]).toEqual([["ANTHROPIC_API_KEY", "k"]]);
  expect(plan.gaps.join(" ")).toMatch(/network is open.*keys .* go into the container/);
  await expect(planRun({ ...family, containerConfig: { network: "egress" } }, inVM)).rejects.toMatchObject({
    code: "NOT_SUPPORTED",
  });
  const none = await planRun({ ...family, containerConfig: { network: "none" } }, inVM);
  expect([none.network, none.gateway, none.variables.size]).toEqual(["none", null, 0]);
});

test.each([
  [{ uid: 0, gid: 0, platform: "linux" }, {}, { uid: 1000, gid: 1000, shifted: false }],
  [{ uid: 1000, gid: 1000, platform: "linux" }, {}, { uid: 1000, gid: 1000, shifted: false }],
  [{ uid: 1001, gid: 1002, platform: "linux" }, {}, { uid: 1001, gid: 1002, shifted: false }],
  [
    { uid: 1001, gid: 1001, platform: "linux" },
    { rootless: true, shiftsIDs: true },
    { uid: 1000, gid: 1000, shifted: true },
  ],
  [{ uid: 501, gid: 20, platform: "darwin" }, {}, { uid: 1000, gid: 1000, shifted: false }],
])("the agent of host user %j on engine %j runs as %j", async (host, changes, user) => {
  const plan = await planRun(family, context(await temporaryHome(), { host, engine: { ...engine, ...changes } }));
  expect(plan.user).toMatchObject(user);
  expect(plan.user.uid).not.toBe(0);
});

test.each([
  [{ memory: "lots" }, "GROUP_INVALID", "containerConfig.memory"],
  [{ memory: "1m" }, "GROUP_INVALID", "containerConfig.memory"],
  [{ memory: "2g", memory_swap: "1g" }, "GROUP_INVALID", "containerConfig.memory_swap"],
  [{ cpus: 64 }, "GROUP_INVALID", "containerConfig.cpus"],
  [{ additionalMounts: [{ hostPath: "/etc" }] }, "MOUNT_REFUSED", "additionalMounts[0]"],
])("the settings %j are refused before anything is made", async (containerConfig, code, place) => {
  const home = await temporaryHome();
  await expect(planRun({ ...family, containerConfig }, context(home))).rejects.toMatchObject({
    code,
    place: expect.stringContaining(place),
  });
  expect(await readdir(home.root)).toEqual([]);
});

test("network none on an engine that has none is refused, not ignored", async () => {
  const changes = { capabilities: { ...capabilities, networkNone: false } };
  await expect(
    planRun({ ...family, containerConfig: { network: "none" } }, context(await temporaryHome(), changes)),
  ).rejects.toMatchObject({ code: "NOT_SUPPORTED" });
});

test("an allowlist in the home is refused: main could write it", async () => {
  const home = await temporaryHome();
  await expect(
    planRun(main, context(home, { env: { NOVABOT_MOUNT_ALLOWLIST: join(home.root, "allow.json") } })),
  ).rejects.toMatchObject({ code: "ALLOWLIST_INVALID" });
});
