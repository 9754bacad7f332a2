import { once } from "node:events";
import { spawn } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { build } from "esbuild";
import { expect, it, onTestFinished } from "vitest";
import { leftInstances } from "../../../../src/supervisor/instances/leftovers.ts";
import { endOwnProcesses, ownEnvironment } from "../../../fixtures/own-processes.ts";
import { oddSeconds, openHouse, pipes, processesWith, shell, temporaryDirectory } from "./house.ts";

it("starts after the next boot what ran, and keeps what was stopped", async () => {
  const first = await openHouse();
  await first.instances.start(shell("web", "exec sleep 3600", { env: { A: "1" } }));
  await first.instances.start(shell("task", "exit 0"));
  await first.instances.start(shell("off", "exec sleep 3600"));
  await first.instances.start(shell("gone", "exec sleep 3600"));
  await first.instances.start(shell("broken", "exit 1", { restart: { maxRestarts: 0 } }));
  await first.until(({ id, state, nextStartAtMs }) => id === "broken" && state === "crashed" && nextStartAtMs === null);
  await first.instances.wait("task", "stopped", 20_000);
  await first.instances.stop("off");
  await first.instances.remove("gone");
  await first.instances.close(5_000);
  const file = join(first.directory, "instances.json");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(first.directory)).toEqual(["instances.json"]);

  const second = await openHouse({ directory: first.directory });
  await second.instances.wait("web", "running", 20_000);
  expect(second.instances.list().map(({ id, state }) => [id, state])).toEqual([
    ["web", "running"],
    ["task", "stopped"],
    ["off", "stopped"],
    ["broken", expect.stringMatching(/starting|running|crashed/)],
  ]);
  expect(second.instances.place("web").env).toMatchObject({ A: "1" });
  expect(second.said).toEqual([]);
});

it("does not start after the next boot what it could not start", async () => {
  const first = await openHouse();
  await expect(first.instances.start(shell("web", "true", { directory: "/no/such" }))).rejects.toThrow("does not exist");
  await first.instances.close(5_000);
  const second = await openHouse({ directory: first.directory });
  expect(second.instances.status("web").state).toBe("stopped");
});

it.each([
  ["torn", (text: string) => text.slice(0, text.length / 2)],
  ["empty", () => ""],
  ["of another form", (text: string) => text.replace('"format":1', '"format":2')],
  ["with a wrong value", (text: string) => text.replace('"directory":"/tmp"', '"directory":"tmp"')],
  ["with an instance twice", (text: string) => text.replace(/"instances":\[(.*)\]/, '"instances":[$1,$1]')],
  ["with a circle", (text: string) => text.replace('"after":[]', '"after":["web"]')],
  ["binary", () => "\0\u0001"],
])("sets a damaged file aside and says so: %s", async (_, damage) => {
  const first = await openHouse();
  await first.instances.start(shell("web", "exec sleep 3600"));
  await first.instances.close(5_000);
  const file = join(first.directory, "instances.json");
  const damaged = damage(readFileSync(file, "utf8"));
  writeFileSync(file, damaged);

  const second = await openHouse({ directory: first.directory });
  expect(second.instances.list()).toEqual([]);
  expect(second.said).toHaveLength(1);
  expect(second.said[0]).toMatch(
    /^The file of instances .* cannot be used \(.+\)\. It was set aside as .*instances\.json\.damaged-\d+; no instance is started from it\.$/s,
  );
  const aside = readdirSync(first.directory).find((name) => name.includes("damaged"));
  expect(readFileSync(join(first.directory, aside ?? ""), "utf8")).toBe(damaged);
  await second.instances.start(shell("web", "exec sleep 3600"));
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ instances: [{ spec: { id: "web" }, shallRun: true }] });
});

it("runs on where the file cannot be written, and says so once", async () => {
  const directory = join(temporaryDirectory(), "data");
  writeFileSync(directory, "a file in the way");
  const place = temporaryDirectory();
  const house = await openHouse({ directory, openOutput: pipes(place, () => undefined) });
  expect(await house.instances.start(shell("web", "exec sleep 3600"))).toMatchObject({ state: "running" });
  await house.instances.stop("web");
  expect(house.said.filter((one) => one.includes("could not be written"))).toHaveLength(1);
});

const patience = { timeout: 20_000, interval: 10 };

/** The program, and a Node to run it, where every user reads them: the checkout may lie in a directory of root's alone. */
async function readableProgram(program: string): Promise<[file: string, script: string]> {
  const directory = temporaryDirectory();
  const [node, script] = [join(directory, "node"), join(directory, "program.mjs")];
  const stdin = { contents: program, resolveDir: import.meta.dirname };
  await build({ stdin, bundle: true, platform: "node", format: "esm", outfile: script, logLevel: "silent" });
  copyFileSync(process.execPath, node);
  chmodSync(directory, 0o755);
  return [node, script];
}

/** A supervisor in a process of its own, which can be killed. */
async function killableHouse(
  directory: string,
  instances: readonly unknown[],
  user?: { readonly uid: number; readonly gid: number },
): Promise<{ pid: number; kill(signal?: NodeJS.Signals): Promise<void> }> {
  const path = (name: string): string => JSON.stringify(join(import.meta.dirname, name));
  const program = `
    import { openInstances } from ${path("../../../../src/supervisor/instances/open.ts")};
    import { openSync } from "node:fs";
    const openOutput = () => ({ stdout: openSync("/dev/null", "w"), stderr: openSync("/dev/null", "w"), handedOver() {}, inodes: [], ended: Promise.resolve(), abandon() {} });
    const instances = await openInstances({ directory: ${JSON.stringify(directory)}, bootID: ${JSON.stringify(randomBytes(16).toString("hex"))},
      env: process.env, openOutput, onStatus() {}, onRemoved() {}, tell: console.error });
    for (const spec of ${JSON.stringify(instances)}) await instances.start(spec);
    process.on("SIGTERM", () => instances.close(5000).then(() => process.exit()));
    console.log("up");
    setInterval(() => {}, 1000);`;
  const [file, ...args] =
    user === undefined ? [process.execPath, "--input-type=module", "-e", program] : await readableProgram(program);
  const child = spawn(file, args, {
    ...user,
    cwd: "/",
    env: { ...process.env, ...ownEnvironment() },
    stdio: ["ignore", "pipe", "inherit"],
  });
  // With all that it started, which is made to outlive it.
  onTestFinished(endOwnProcesses);
  const exited = once(child, "exit").then(() => "ended");
  expect(await Promise.race([once(child.stdout, "data").then(() => "runs"), exited])).toBe("runs");
  return {
    pid: child.pid ?? 0,
    kill: async (signal = "SIGKILL") => {
      child.kill(signal);
      await exited;
    },
  };
}

it("ends what a killed supervisor left before it starts the same again", async () => {
  const directory = temporaryDirectory();
  const seconds = oddSeconds();
  const log = join(directory, "log");
  // It would tell of one that still runs when it starts.
  const text = `pgrep -f 'sleep ${seconds}$' >/dev/null && echo doubled >> ${log}; trap '' TERM; setsid sleep ${seconds} & while :; do sleep ${seconds}; done`;
  const old = await killableHouse(directory, [shell("web", text, { stopGraceMs: 100 })]);
  await expect.poll(() => processesWith(`sleep\0${seconds}`).length, patience).toBe(2);
  await old.kill();
  expect(processesWith(`sleep\0${seconds}`)).toHaveLength(2);

  const house = await openHouse({ directory });
  await house.instances.wait("web", "running", 20_000);
  await expect.poll(() => processesWith(`sleep\0${seconds}`).length, patience).toBe(2);
  expect(existsSync(log)).toBe(false);
  expect(house.said).toEqual([expect.stringMatching(/^Ended \d processes that an earlier supervisor had left of "web"\.$/)]);
  await house.instances.stop("web", 0);
  expect(processesWith(seconds)).toEqual([]);
});

it("ends what a killed supervisor left although it hides its environment, and what nobody knows any more", async () => {
  const directory = temporaryDirectory();
  const seconds = oddSeconds();
  const old = await killableHouse(directory, [
    shell("hidden", `exec env -i sleep ${seconds}`),
    shell("stranger", `exec sleep ${seconds}`),
  ]);
  const file = join(directory, "instances.json");
  const read = (): { boots: string[]; instances: { process: unknown; spec: { id: string } }[] } =>
    JSON.parse(readFileSync(file, "utf8")) as never;
  await expect.poll(() => read().instances.every(({ process }) => process !== null), patience).toBe(true);
  await expect.poll(() => processesWith(`sleep\0${seconds}`).length, patience).toBe(2);
  await old.kill();
  const known = read();
  writeFileSync(file, JSON.stringify({ ...known, instances: known.instances.filter(({ spec }) => spec.id === "hidden") }));

  const house = await openHouse({ directory });
  await house.instances.wait("hidden", "running", 20_000);
  await expect.poll(() => processesWith(`sleep\0${seconds}`).length, patience).toBe(1);
  expect(leftInstances(new Set(known.boots))).toEqual(new Set());
  await expect.poll(() => read().boots, patience).toEqual([house.bootID]);
  expect([...house.said].sort()).toEqual([
    expect.stringContaining('Ended 1 processes that an earlier supervisor had left of "hidden".'),
    expect.stringContaining('Ended 1 processes that an earlier supervisor had left of "stranger".'),
  ]);
});

it("can be stopped while it ends what was left", async () => {
  const directory = temporaryDirectory();
  const seconds = oddSeconds();
  const old = await killableHouse(directory, [
    shell("web", `trap '' TERM; while :; do sleep ${seconds}; done`, { stopGraceMs: 3_600_000 }),
  ]);
  await expect.poll(() => processesWith(`sleep\0${seconds}`).length, patience).toBe(1);
  await old.kill();
  const house = await openHouse({ directory });
  expect(house.instances.status("web")).toMatchObject({ state: "starting" });
  expect(await house.instances.stop("web", 0)).toMatchObject({ state: "stopped" });
  expect(processesWith(seconds)).toEqual([]);
});

it("ends everything of an instance as an ordinary user, too", async () => {
  const directory = temporaryDirectory();
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(directory, 1000, 1000);
  const seconds = oddSeconds();
  const text = `trap '' TERM; (setsid -f sleep ${seconds}); sleep ${seconds} & while :; do sleep ${seconds}; done`;
  const supervisor = await killableHouse(
    directory,
    [shell("web", text, { stopGraceMs: 50 })],
    isRoot ? { uid: 1000, gid: 1000 } : undefined,
  );
  await expect.poll(() => processesWith(`sleep\0${seconds}`).length, patience).toBe(3);
  await supervisor.kill("SIGTERM");
  expect(processesWith(seconds)).toEqual([]);
});
