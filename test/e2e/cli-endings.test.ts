import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ChildProcess } from "node:child_process";
import { expect, onTestFinished, test } from "vitest";
import { labels } from "../../src/engine/spec.ts";
import { describeHome } from "../../src/agents/home/home.ts";
import { findEngine } from "../../src/host/engines/find.ts";
import { finished, runNovabot, startNovabot } from "../fixtures/command-line.ts";
import { temporaryDirectory } from "../fixtures/home.ts";

interface Place {
  readonly home: string;
  readonly env: Record<string, string>;
  /** Names of the home's containers. */
  containers(): Promise<string[]>;
}

/** A home of the test's own; its containers are gone when the test ends, however it ends. */
async function place(): Promise<Place> {
  const directory = await temporaryDirectory();
  const home = join(directory, "home");
  const env = { NOVABOT_HOME: home, HOME: directory, XDG_CONFIG_HOME: "", NOVABOT_MOUNT_ALLOWLIST: "" };
  const engine = await findEngine(process.env);
  const list = async (): ReturnType<typeof engine.list> =>
    existsSync(home) ? await engine.list({ [labels.home]: describeHome(home).label }) : [];
  onTestFinished(async () => {
    for (const { id } of await list()) await engine.remove(id);
  });
  return { home, env, containers: async () => (await list()).map(({ name }) => name) };
}

/** Begins a run and resolves when its agent is at work. It is killed when the test ends. */
async function begin(
  at: Place,
  args: readonly string[],
  mark: string,
): Promise<{ child: ChildProcess; ended: ReturnType<typeof finished> }> {
  const child = startNovabot(args, at.env);
  const ended = finished(child);
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, "SIGKILL");
  });
  while (!existsSync(join(at.home, mark))) {
    if (child.exitCode !== null) throw new Error(`the run ended before its agent began: ${(await ended).stderr}`);
    await delay(50);
  }
  return { child, ended };
}

const waiting = (folder: string): string[] => [
  "groups",
  "add",
  `${folder}@g.us`,
  "--folder",
  folder,
  'agent={"command":["/bin/sh","-c","touch begun; sleep 600"]}',
];

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s stops the container, and the command waits for that", async (signal) => {
  const at = await place();
  await runNovabot(waiting("family"), at.env);
  const { child, ended } = await begin(at, ["run", "--group", "family", "x"], "groups/family/begun");
  child.kill(signal);
  expect(await ended).toMatchObject({ code: 1, stderr: expect.stringContaining("cancelled") });
  expect(await at.containers()).toEqual([]);
});

test("a reader that goes away stops the run and its container", async () => {
  const at = await place();
  const script = "while :; do echo line; sleep 0.1; done";
  await runNovabot(
    [
      "groups",
      "add",
      "1@g.us",
      "--folder",
      "family",
      `agent=${JSON.stringify({ command: ["/bin/sh", "-c", `touch begun; ${script}`] })}`,
      "timeout=20000",
    ],
    at.env,
  );
  const { child, ended } = await begin(at, ["run", "--group", "family", "--stream", "x"], "groups/family/begun");
  child.stdout?.destroy();
  child.kill("SIGTERM");
  expect((await ended).code).toBe(1);
  expect(await at.containers()).toEqual([]);
});

test("a host that is killed while another waits: never two containers of one group", async () => {
  const at = await place();
  const script = "touch begun-$NOVABOT_SESSION_ID; sleep 600";
  await runNovabot(
    ["groups", "add", "1@g.us", "--folder", "family", `agent=${JSON.stringify({ command: ["/bin/sh", "-c", script] })}`],
    at.env,
  );
  const first = await begin(at, ["run", "--group", "family", "--session", "one", "x"], "groups/family/begun-one");
  const [before] = await at.containers();
  const second = startNovabot(["run", "--group", "family", "--session", "two", "x"], at.env);
  onTestFinished(() => void (second.exitCode === null && process.kill(-second.pid!, "SIGKILL")));
  second.stderr?.setEncoding("utf8");
  const [said] = await once(second.stderr!, "data");
  expect(said).toContain("Waiting for other runs");
  process.kill(-first.child.pid!, "SIGKILL");
  await first.ended;
  while (!existsSync(join(at.home, "groups/family/begun-two"))) await delay(50);
  const now = await at.containers();
  expect(now).toHaveLength(1);
  expect(now).not.toContain(before);
  second.kill("SIGINT");
  await once(second, "exit");
  expect(await at.containers()).toEqual([]);
});

test("clean removes what a dead host left, and says so", async () => {
  const at = await place();
  await runNovabot(waiting("family"), at.env);
  const { child, ended } = await begin(at, ["run", "--group", "family", "x"], "groups/family/begun");
  process.kill(-child.pid!, "SIGKILL");
  await ended;
  const [name] = await at.containers();
  const cleaned = await runNovabot(["clean", "--json"], at.env);
  expect(JSON.parse(cleaned.stdout)).toMatchObject({ containers: [name], hosts: 1 });
  expect(await at.containers()).toEqual([]);
  expect((await runNovabot(["clean"], at.env)).stdout).toMatch(/^0 container\(s\), 0 dead host\(s\)/);
  expect(await readdir(join(at.home, "data/host/alive"))).toEqual([]);
});

test("answers stream as they come, as text and as JSON lines", async () => {
  const at = await place();
  await runNovabot(["groups", "add", "1@g.us", "--folder", "family", "agent=demo", "network=none"], at.env);
  expect((await runNovabot(["run", "--group", "family", "--stream", "hello"], at.env)).stdout).toContain("You asked: hello");
  const lines = (await runNovabot(["run", "--group", "family", "--stream", "--json", "hello"], at.env)).stdout.trim().split("\n");
  expect(lines).toHaveLength(2);
  const [answer, record] = lines.map((line) => JSON.parse(line));
  expect(answer.result).toContain("You asked: hello");
  expect(record).toMatchObject({ outcome: "success", agent: "demo", result: answer.result });
});

/** What can be wrong with an installation, each with the check that tells of it. */
const troubles: readonly (readonly [string, string, "warn" | "fail", (at: Place) => Promise<void>])[] = [
  [
    "a broken allowlist",
    "allowlist",
    "fail",
    async ({ env }) => {
      await mkdir(join(env["HOME"]!, ".config/novabot"), { recursive: true });
      await writeFile(join(env["HOME"]!, ".config/novabot/mount-allowlist.json"), "{");
    },
  ],
  [
    "an env file that others may read",
    "env file",
    "warn",
    async ({ home }) => {
      await writeFile(join(home, ".env"), "ANTHROPIC_API_KEY=x\n");
      await chmod(join(home, ".env"), 0o644);
    },
  ],
  ["an env file that is a link", "env file", "fail", async ({ home }) => await symlink("/etc/passwd", join(home, ".env"))],
  ["a home that others may write", "home", "warn", async ({ home }) => await chmod(home, 0o777)],
  [
    "a missing image",
    "image nosuch:1",
    "fail",
    async ({ env }) => {
      env["NOVABOT_AGENT_IMAGE"] = "nosuch:1";
    },
  ],
  [
    "a group that asks for a mount without an allowlist",
    "group family",
    "fail",
    async ({ env }) => {
      await runNovabot(["groups", "set", "family", 'additionalMounts=[{"hostPath":"/srv"}]'], env);
    },
  ],
];

test.each(troubles)("doctor tells of %s, and how to mend it", async (_, name, status, spoil) => {
  const at = await place();
  await runNovabot(["groups", "add", "1@g.us", "--folder", "family"], at.env);
  const sound = await runNovabot(["doctor", "--json"], at.env);
  expect(sound.code, sound.stdout).toBe(0);
  await spoil(at);
  const spoilt = await runNovabot(["doctor", "--json"], at.env);
  const mended = expect.objectContaining({ name, status, next: expect.stringMatching(/\S/) });
  expect(JSON.parse(spoilt.stdout).checks).toContainEqual(mended);
  expect(spoilt.code).toBe(status === "fail" ? 2 : 0);
});

test("no variable of a group's env reaches the process that knows the nonce", async () => {
  const at = await place();
  await runNovabot(
    ["groups", "add", "1@g.us", "--folder", "family", 'agent={"command":["cat"]}', "env=NODE_OPTIONS,LD_PRELOAD,PATH"],
    at.env,
  );
  await mkdir(join(at.home, "groups/family"), { recursive: true });
  const spy = 'require("fs").writeFileSync("/workspace/group/stolen-" + process.pid, process.argv.join(" "));';
  await writeFile(join(at.home, "groups/family/spy.cjs"), spy);
  await writeFile(
    join(at.home, ".env"),
    "NODE_OPTIONS='--require /workspace/group/spy.cjs'\nLD_PRELOAD=/workspace/group/spy.so\nPATH=/bin:/usr/bin\n",
  );
  const result = await runNovabot(["run", "--group", "family", "untouched"], at.env);
  expect(result).toMatchObject({ code: 0, stdout: "untouched\n" });
  expect((await readdir(join(at.home, "groups/family"))).filter((name) => name.startsWith("stolen"))).toEqual([]);
});

test("a demo that is interrupted leaves no container and no home", async () => {
  const directory = await temporaryDirectory();
  const child = startNovabot(["demo", "--no-install"], { TMPDIR: directory });
  const ended = finished(child);
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, "SIGKILL");
  });
  while ((await readdir(directory)).length === 0) await delay(10);
  process.kill(-child.pid!, "SIGINT");
  expect((await ended).code).toBeGreaterThan(0);
  expect(await readdir(directory)).toEqual([]);
});

test.each(["/dev/null", "/", "/tmp/a,b"])("doctor calls the home %s unusable, and says what to do", async (path) => {
  const result = await runNovabot(["--home", path, "doctor", "--json"]);
  expect(result.code).toBe(2);
  const home = expect.objectContaining({ name: "home", status: "fail", next: expect.stringMatching(/^Choose/) });
  expect(JSON.parse(result.stdout).checks).toContainEqual(home);
});

test("doctor without an engine has one thing to mend, and says what it could not look at", async () => {
  const at = await place();
  const absent = { ...at.env, DOCKER_HOST: "unix:///nonexistent/docker.sock", CONTAINER_HOST: "unix:///nonexistent/podman.sock" };
  const result = await runNovabot(["doctor", "--json"], absent);
  expect(result.code).toBe(2);
  const { checks } = JSON.parse(result.stdout);
  expect(checks.filter(({ status }: { status: string }) => status === "fail")).toMatchObject([
    { name: "engine", next: expect.stringMatching(/\S/) },
  ]);
  expect(checks).toContainEqual({ name: "image", status: "warn", detail: "not looked at: no engine answers" });
});

test("a command that needs another word tells its help, and nothing else", async () => {
  for (const words of [["secrets"], ["modules"], []]) {
    const { code, stdout, stderr } = await runNovabot(words);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^Usage: novabot /);
    expect(stderr).not.toMatch(/^error /m);
  }
});
