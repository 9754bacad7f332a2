import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { labels } from "../../src/engine/spec.ts";
import { describeHome } from "../../src/agents/home/home.ts";
import { findEngine } from "../../src/host/engines/find.ts";
import { finished, runNovabot, startNovabot } from "../fixtures/command-line.ts";
import { temporaryDirectory } from "../fixtures/home.ts";

/** A home and user directory of the test's own, as environment for the command line. */
async function place(): Promise<{ home: string; env: Record<string, string> }> {
  const directory = await temporaryDirectory();
  return {
    home: join(directory, "home"),
    env: { NOVABOT_HOME: join(directory, "home"), HOME: directory, XDG_CONFIG_HOME: "", NOVABOT_MOUNT_ALLOWLIST: "" },
  };
}

async function untilExists(path: string): Promise<void> {
  while (!existsSync(path)) await delay(50);
}

test("groups are added, listed, shown, changed and removed; the files stay", async () => {
  const { home, env } = await place();
  expect((await runNovabot(["groups", "add", "1@g.us", "--folder", "dev", "--name", "Dev Team", "agent=demo"], env)).code).toBe(
    0,
  );
  expect(
    (await runNovabot(["groups", "set", "dev", "memory=512m", "timeout=600000", 'agent={"command":["my-agent","-x"]}'], env))
      .code,
  ).toBe(0);
  const shown = await runNovabot(["groups", "show", "dev", "--json"], env);
  expect(JSON.parse(shown.stdout)).toEqual({
    jid: "1@g.us",
    name: "Dev Team",
    folder: "dev",
    isMain: false,
    agent: { command: ["my-agent", "-x"] },
    containerConfig: { memory: "512m", timeout: 600_000 },
  });
  expect((await runNovabot(["groups", "set", "dev", "memory=", "timeout=", "agent="], env)).code).toBe(0);
  expect(JSON.parse(await readFile(join(home, "data/registered_groups.json"), "utf8"))).toEqual({
    "1@g.us": { name: "Dev Team", folder: "dev" },
  });
  const listed = await runNovabot(["groups", "list"], env);
  expect(listed.stdout).toMatch(/^FOLDER +NAME +CHAT +AGENT\s*\ndev +Dev Team +1@g\.us +claude\n$/);
  expect((await runNovabot(["groups", "remove", "dev"], env)).stdout).toContain("Its files stay");
  expect(JSON.parse((await runNovabot(["groups", "list", "--json"], env)).stdout)).toEqual([]);
});

test.each([
  [["groups", "add", "1@g.us", "--folder", "../etc"], "FOLDER_INVALID"],
  [["groups", "add", "1@g.us", "--folder", "global"], "FOLDER_INVALID"],
  [["groups", "add", "--folder", "x", "--", "-rf"], "JID_INVALID"],
  [["groups", "add", "a b", "--folder", "x"], "JID_INVALID"],
  [["groups", "add", "1@g.us", "--folder", "x", "timeout=soon"], "GROUP_INVALID"],
  [["groups", "add", "1@g.us", "--folder", "x", "speed=9"], "USAGE"],
  [["groups", "add", "1@g.us", "--folder", "x", "network=default"], "GROUP_INVALID"],
  [["groups", "add", "1@g.us", "--folder", "x", "egress=https://a.example/"], "EGRESS_INVALID"],
  [["groups", "show", "nobody"], "HOME_INVALID"],
  [["run", "--group", "nobody", "hi"], "HOME_INVALID"],
  [["runs", "list", "--limit", "zero"], "USAGE"],
])("%j ends with status 2 and %s, and makes nothing", async (args, code) => {
  const { home, env } = await place();
  const result = await runNovabot(args, env);
  expect(result).toMatchObject({ code: 2, stdout: "" });
  expect(result.stderr).toContain(`code  ${code}`);
  expect(result.stderr).toMatch(/ {2}next {2}\S/);
  await expect(readdir(home)).rejects.toMatchObject({ code: "ENOENT" });
});

test.each([[["frobnicate"]], [["run"]], [["run", "--group"]], [["groups", "add"]], [["run", "--wat", "--group", "x", "hi"]]])(
  "%j is a usage error",
  async (args) => {
    const { env } = await place();
    const result = await runNovabot(args, env);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain("code  USAGE");
    expect(result.stderr).toMatch(/ {2}next {2}\S/);
    expect(JSON.parse((await runNovabot([...args, "--json"], env)).stdout)).toMatchObject({ error: { code: "USAGE" } });
  },
);

test("help and version are no errors", async () => {
  expect(await runNovabot(["--version"])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  expect(await runNovabot(["run", "--help"])).toMatchObject({ code: 0, stdout: expect.stringContaining("--group") });
});

test.each([[[]], [["groups"]], [["secrets"]]])(
  "a command that is not named is answered with the help alone: %j",
  async (args) => {
    const { code, stdout, stderr } = await runNovabot(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^Usage: novabot/);
    expect(stderr).not.toMatch(/^error/m);
  },
);

test("a broken registry stops every command and is left as it is", async () => {
  const { home, env } = await place();
  await mkdir(join(home, "data"), { recursive: true });
  const registry = join(home, "data/registered_groups.json");
  await writeFile(registry, '{ "1@g.us": { "name": ');
  for (const args of [
    ["groups", "list"],
    ["groups", "add", "2@g.us", "--folder", "x"],
    ["groups", "remove", "x"],
    ["run", "--group", "x", "hi"],
    ["explain", "x"],
  ]) {
    const result = await runNovabot(args, env);
    expect(result.code, args.join(" ")).toBe(2);
    expect(result.stderr).toContain("REGISTRY_INVALID");
    expect(result.stderr).toContain(registry);
  }
  expect(await readFile(registry, "utf8")).toBe('{ "1@g.us": { "name": ');
  const doctor = await runNovabot(["doctor", "--json"], env);
  expect(doctor.code).toBe(2);
  expect(JSON.parse(doctor.stdout).checks).toContainEqual(expect.objectContaining({ name: "registry", status: "fail" }));
});

test("no engine: the error lists each candidate with its reason and what to do", async () => {
  const { env } = await place();
  const absent = { ...env, DOCKER_HOST: "unix:///nonexistent/docker.sock", CONTAINER_HOST: "unix:///nonexistent/podman.sock" };
  await runNovabot(["groups", "add", "1@g.us", "--folder", "dev"], env);
  const result = await runNovabot(["run", "--group", "dev", "hi"], absent);
  expect(result.code).toBe(2);
  expect(result.stderr).toContain("ENGINE_NOT_FOUND");
  for (const part of ["docker", "podman", "apple", "/nonexistent/docker.sock", "/nonexistent/podman.sock", "novabot setup"])
    expect(result.stderr.toLowerCase()).toContain(part);
  expect(await runNovabot(["run", "--group", "dev", "hi"], { ...env, NOVABOT_ENGINE: "lxc" })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('"lxc"'),
  });
});

test("a run answers through the real image; the session goes on; the record is shown", async () => {
  const { env } = await place();
  await runNovabot(["groups", "add", "1@g.us", "--folder", "family", "agent=demo", "network=none"], env);
  const first = await runNovabot(["run", "--group", "family", "--json", "-"], env, "What can you see?\n");
  expect(first.code, first.stderr).toBe(0);
  const record = JSON.parse(first.stdout);
  expect(record).toMatchObject({
    group: "family",
    outcome: "success",
    code: null,
    suspiciousFrames: 0,
    result: expect.stringContaining("What can you see?"),
  });
  const second = await runNovabot(["run", "--group", "family", "--session", "latest", "Again"], env);
  expect(second.stdout).toContain("turn 2");
  const fresh = await runNovabot(["run", "--group", "family", "Anew"], env);
  expect(fresh.stdout).toContain("turn 1");
  const shown = await runNovabot(["runs", "show", record.id.slice(0, 6)], env);
  expect(shown.stdout).toContain(record.logFile);
  expect(JSON.parse((await runNovabot(["runs", "list", "--json"], env)).stdout)).toHaveLength(3);
  expect(await runNovabot(["runs", "show", "zzzzzz"], env)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("RUN_NOT_FOUND"),
  });
});

test.each([
  ["an empty prompt", ["run", "--group", "family", ""], "PROMPT_INVALID"],
  ["a session that is an option", ["run", "--group", "family", "--session=--resume", "hi"], "SESSION_INVALID"],
  ["a group that is not there", ["run", "--group", "nobody", "hi"], "GROUP_NOT_FOUND"],
])("%s is refused with status 2", async (_, args, code) => {
  const { env } = await place();
  await runNovabot(["groups", "add", "1@g.us", "--folder", "family", "agent=demo"], env);
  const result = await runNovabot(args, env);
  expect(result.code).toBe(2);
  expect(result.stderr).toContain(code);
});

test("a failed run ends with status 1, its error on stderr and its log", async () => {
  const { env } = await place();
  await runNovabot(
    ["groups", "add", "1@g.us", "--folder", "family", 'agent={"command":["/bin/sh","-c","echo broken >&2; exit 3"]}'],
    env,
  );
  const result = await runNovabot(["run", "--group", "family", "hi"], env);
  expect(result).toMatchObject({ code: 1, stdout: "" });
  expect(result.stderr).toMatch(/agent error/);
  expect(result.stderr).toMatch(/broken/);
  const log = /log {3}(\S+)/.exec(result.stderr)?.[1];
  expect(await readFile(log!, "utf8")).toContain("=== Stderr ===");
});

test("any program that reads a prompt and prints an answer is an agent", async () => {
  const { env } = await place();
  await runNovabot(["groups", "add", "1@g.us", "--folder", "family", 'agent={"command":["tr","a-z","A-Z"]}'], env);
  expect(await runNovabot(["run", "--group", "family", "shout this"], env)).toMatchObject({ code: 0, stdout: "SHOUT THIS\n" });
});

test("explain tells exactly what the container then gets", async () => {
  const { home, env } = await place();
  await runNovabot(
    [
      "groups",
      "add",
      "1@g.us",
      "--folder",
      "family",
      'agent={"command":["/bin/sh","-c","touch begun; sleep 60"]}',
      "memory=300m",
      "memory_swap=400m",
      "pids=77",
      "network=none",
    ],
    env,
  );
  await writeFile(join(home, ".env"), "ANTHROPIC_API_KEY=secret-value\n");
  const before = (await readdir(home, { recursive: true })).toSorted();
  const explained = JSON.parse((await runNovabot(["explain", "family", "--json"], env)).stdout);
  expect((await readdir(home, { recursive: true })).toSorted()).toEqual(before);
  expect(JSON.stringify(explained)).not.toContain("secret-value");
  expect((await runNovabot(["explain", "family"], env)).stdout).not.toContain("secret-value");
  const engine = await findEngine(process.env);
  const child = startNovabot(["run", "--group", "family", "wait"], env);
  const ended = finished(child);
  const selector = { [labels.home]: describeHome(home).label };
  await untilExists(join(home, "groups/family/begun"));
  const [found] = await engine.list(selector);
  const container = await engine.inspect(found!.id);
  const byTarget = (mounts: readonly { source: string; target: string; readonly: boolean }[]): unknown[] =>
    mounts
      .map(({ source, target, readonly }) => ({ source, target, readonly }))
      .toSorted((a, b) => (a.target < b.target ? -1 : 1));
  expect(byTarget(container!.mounts)).toEqual(byTarget(explained.mounts));
  expect(container).toMatchObject({ user: `${explained.user.uid}:${explained.user.gid}`, addresses: {} });
  expect(explained).toMatchObject({
    network: "none",
    env: [],
    limits: { memoryBytes: 300 * 2 ** 20, memorySwapBytes: 400 * 2 ** 20, pids: 77 },
  });
  process.kill(child.pid!, "SIGINT");
  expect(await ended).toMatchObject({ code: 1, stderr: expect.stringContaining("cancelled") });
  expect(await engine.list(selector)).toEqual([]);
});

test("a host that is killed leaves a container; the next command of this home removes it", async () => {
  const { home, env } = await place();
  await runNovabot(
    ["groups", "add", "1@g.us", "--folder", "family", 'agent={"command":["/bin/sh","-c","touch begun; sleep 600"]}'],
    env,
  );
  await runNovabot(["groups", "add", "2@g.us", "--folder", "other", 'agent={"command":["cat"]}'], env);
  const engine = await findEngine(process.env);
  const selector = { [labels.home]: describeHome(home).label };
  const child = startNovabot(["run", "--group", "family", "wait"], env);
  const ended = finished(child);
  // Before the agent has its input it would end by itself.
  await untilExists(join(home, "groups/family/begun"));
  process.kill(-child.pid!, "SIGKILL");
  await ended;
  expect(await engine.list(selector)).toHaveLength(1);
  const next = await runNovabot(["run", "--group", "other", "still here"], env);
  expect(next).toMatchObject({ code: 0, stdout: "still here\n", stderr: expect.stringContaining("Removed 1 container(s)") });
  expect(await engine.list(selector)).toEqual([]);
});

test("two processes run one group one after the other", async () => {
  const { env } = await place();
  const script = "cat >/dev/null; if mkdir busy; then sleep 1; rmdir busy; echo alone; else echo two at once; fi";
  await runNovabot(
    ["groups", "add", "1@g.us", "--folder", "family", `agent=${JSON.stringify({ command: ["/bin/sh", "-c", script] })}`],
    env,
  );
  const results = await Promise.all([1, 2, 3].map(() => runNovabot(["run", "--group", "family", "x"], env)));
  expect(results.map((result) => `${result.code} ${result.stdout}`)).toEqual(["0 alone\n", "0 alone\n", "0 alone\n"]);
});
