import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test, vi } from "vitest";
import { novabot, runNovabot, startNovabot } from "../fixtures/command-line.ts";
import { serveHome } from "../fixtures/served-home.ts";

test("messages are answered, listed and told of; a second one refuses; it ends in order", async () => {
  const served = await serveHome(["alice"]);
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
  // A container for the next message is made while nobody waits for it.
  await expect.poll(async () => (await runNovabot(["status"], env)).stdout).toContain("alice (warm");
  const status = await runNovabot(["status", "--json"], env);
  expect(JSON.parse(status.stdout)).toMatchObject({
    home,
    pid: expect.any(Number) as number,
    groups: [],
    outbox: 0,
    failures: [],
  });
  const second = await runNovabot(["serve"], env);
  expect(second).toMatchObject({ code: 2 });
  expect(second.stderr).toContain("code  HOME_BUSY");
  expect(second.stderr).toContain(`process ${(JSON.parse(status.stdout) as { pid: number }).pid} on `);
  const nothing = await runNovabot(["cancel", "alice"], env);
  expect(nothing.stderr).toContain("code  RUN_NOT_FOUND");
  expect(await served.stop()).toBe(0);
  expect(served.lines()).toMatch(/message from[^]*answered after[^]*Stopped\./);
  expect((await runNovabot(["chat", "alice", "anybody?"], env)).stderr).toContain("code  SERVE_NOT_RUNNING");
  expect(await served.containers()).toEqual([]);
});

test("cancel stops a run of serve and of `novabot run`, and both say so", async () => {
  const served = await serveHome(["alice", "bob"], { args: ["--json"] });
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
  await expect.poll(() => served.lines()).toContain('"outcome":"cancelled"');

  const running = startNovabot(["run", "--group", "bob", "hang"], env);
  const stderr = text(running.stderr!);
  await vi.waitFor(async () => expect((await runNovabot(["cancel", "bob"], env)).stdout).toContain("of bob"), {
    timeout: 20_000,
  });
  expect(await stderr).toContain("code  RUN_CANCELLED");
  expect(await served.stop()).toBe(0);
});
