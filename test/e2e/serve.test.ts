import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test, vi } from "vitest";
import { labels } from "../../src/engine/spec.ts";
import { describeHome } from "../../src/agents/home/home.ts";
import { findEngine } from "../../src/host/engines/find.ts";
import { novabot, runNovabot, startNovabot } from "../fixtures/command-line.ts";
import { temporaryDirectory } from "../fixtures/home.ts";

interface Served {
  readonly env: Readonly<Record<string, string>>;
  readonly home: string;
  readonly child: ChildProcess;
  /** What it has printed so far. */
  lines(): string;
}

/** A home of the test's own with the demo as agent, served by `novabot serve`. */
async function serve(args: readonly string[] = [], groups = ["alice"]): Promise<Served> {
  const directory = await temporaryDirectory();
  const home = join(directory, "home");
  const env = { NOVABOT_HOME: home, HOME: directory, XDG_CONFIG_HOME: "", NOVABOT_MOUNT_ALLOWLIST: "", LOG_LEVEL: "" };
  for (const folder of groups) {
    expect((await runNovabot(["groups", "add", `local:${folder}`, "--folder", folder, "agent=demo"], env)).code).toBe(0);
  }
  const child = startNovabot(["serve", ...args], env);
  let out = "";
  child.stdout?.setEncoding("utf8").on("data", (part: string) => (out += part));
  child.stderr?.setEncoding("utf8").on("data", (part: string) => (out += part));
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    const engine = await findEngine(process.env);
    for (const { id } of await engine.list({ [labels.home]: describeHome(home).label })) await engine.remove(id);
  });
  await vi.waitFor(() => expect(out).toMatch(/Serving|"kind":"serving"/), { timeout: 30_000, interval: 50 });
  return { env, home, child, lines: () => out };
}

async function stop({ child }: Served): Promise<number | null> {
  child.kill("SIGTERM");
  await once(child, "exit");
  return child.exitCode;
}

test("messages are answered, listed and told of; a second one refuses; it ends in order", async () => {
  const served = await serve();
  const { env, home } = served;
  const first = await runNovabot(["chat", "alice", "Hello there"], env);
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(first.stdout).toContain("Hello there");
  expect(first.stdout).toContain("turn 1 of our session");
  const piped = await runNovabot(["chat", "local:alice", "--json"], env, "one\n\ntwo\n");
  const messages = piped.stdout
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { message: { text: string; kind: string } }).message);
  expect(new Set(messages.map(({ kind }) => kind))).toEqual(new Set(["answer"]));
  expect(messages.map(({ text: said }) => said).join("\n")).toMatch(/one[^]*two/);
  const history = await runNovabot(["chat", "alice", "--history", "1"], env);
  expect(history.stdout).toContain("two");
  expect(history.stdout).not.toContain("Hello there");
  const status = await runNovabot(["status", "--json"], env);
  expect(JSON.parse(status.stdout)).toMatchObject({
    home,
    pid: expect.any(Number) as number,
    groups: [],
    outbox: 0,
    failures: [],
  });
  expect((await runNovabot(["status"], env)).stdout).toContain("alice (warm");
  const second = await runNovabot(["serve"], env);
  expect(second).toMatchObject({ code: 2 });
  expect(second.stderr).toContain("code  HOME_BUSY");
  expect(second.stderr).toContain(`process ${(JSON.parse(status.stdout) as { pid: number }).pid} on `);
  const nothing = await runNovabot(["cancel", "alice"], env);
  expect(nothing.stderr).toContain("code  RUN_NOT_FOUND");
  expect(await stop(served)).toBe(0);
  expect(served.lines()).toMatch(/message from[^]*answered after[^]*Stopped\./);
  expect((await runNovabot(["chat", "alice", "anybody?"], env)).stderr).toContain("code  SERVE_NOT_RUNNING");
  expect(await (await findEngine(process.env)).list({ [labels.home]: describeHome(home).label })).toEqual([]);
});

test("cancel stops a run of serve and of `novabot run`, and both say so", async () => {
  const served = await serve(["--json"], ["alice", "bob"]);
  const { env, home } = served;
  for (const folder of ["alice", "bob"]) {
    await mkdir(join(home, "groups", folder), { recursive: true });
    await writeFile(join(home, "groups", folder, "agent.sh"), "sleep 300\n");
    await runNovabot(["groups", "set", folder, 'agent={"command":["sh","/workspace/group/agent.sh"]}'], env);
  }
  const talking = spawn(novabot, ["chat", "alice", "hang"], { env: { ...process.env, NO_COLOR: "1", ...env }, stdio: "pipe" });
  const said = text(talking.stdout);
  await vi.waitFor(async () => expect((await runNovabot(["status"], env)).stdout).toMatch(/answering, run [0-9a-f]{12}/), {
    timeout: 20_000,
  });
  expect((await runNovabot(["cancel", "alice"], env)).stdout).toMatch(/^Cancelled run [0-9a-f]{12} of alice\.\n$/);
  expect(await said).toContain("This was cancelled before it was answered.");
  if (talking.exitCode === null) await once(talking, "exit");
  expect(talking.exitCode).toBe(1);
  expect(served.lines()).toContain('"outcome":"cancelled"');

  const running = startNovabot(["run", "--group", "bob", "hang"], env);
  const stderr = text(running.stderr!);
  await vi.waitFor(async () => expect((await runNovabot(["cancel", "bob"], env)).stdout).toContain("of bob"), {
    timeout: 20_000,
  });
  expect(await stderr).toContain("code  RUN_CANCELLED");
  expect(await stop(served)).toBe(0);
});
