import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { leavingNoEngine } from "../../src/cli/prepare.ts";
import { dockerEngine } from "../../src/engine/docker/driver.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { NovaError } from "../../src/model/errors.ts";
import { listProcesses } from "../../src/host/machine/processes.ts";
import { findProgram } from "../../src/host/machine/program.ts";
import { isPrivateEngineRunning, setUp, stopPrivateEngine } from "../../src/host/setup/setup.ts";
import { type Environment, privateDockerPaths } from "../../src/host/state.ts";

const run = promisify(execFile);
const canStart = process.getuid?.() === 0 && findProgram("dockerd", process.env) !== undefined;

/** Only the private engine of this test's own state directory counts. */
async function findOwn(env: Environment): Promise<Engine> {
  const { socket } = privateDockerPaths(env);
  const engine = dockerEngine({ socket });
  try {
    await engine.probe();
    return engine;
  } catch (error) {
    throw new NovaError("ENGINE_NOT_FOUND", "No engine answers.", { cause: error });
  }
}

// What cannot be tried without root and dockerd is covered by the unit tests of the same module.
describe.runIf(canStart)("the private engine", () => {
  let state: string;
  let env: Environment;
  beforeEach(async () => {
    state = await mkdtemp(join(tmpdir(), "nvb-"));
    const { DOCKER_HOST: _host, NOVABOT_ENGINE: _engine, ...rest } = process.env;
    env = { ...rest, NOVABOT_STATE_DIR: state };
  });
  afterEach(async () => {
    await stopPrivateEngine(env);
    await rm(state, { recursive: true, force: true });
  });

  const begin = async (lines: string[] = []): Promise<Engine> =>
    await setUp(env, { install: false, say: (line) => lines.push(line), find: findOwn });
  const own = async (): Promise<number[]> => {
    const all = await listProcesses();
    return all.filter(({ argv }) => argv.some((word) => word.includes(state))).map(({ pid }) => pid);
  };
  const mounts = (): string[] =>
    readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(state));

  test("starts, lives on its own, is found again, and stops with all that it started", async () => {
    const lines: string[] = [];
    const engine = await begin(lines);
    expect((await engine.probe()).product).toBe("Docker");
    expect(lines[0]).toBe(`Starting a private Docker daemon in ${state}/docker.`);
    expect(await isPrivateEngineRunning(env)).toBe(true);
    const pid = Number(readFileSync(privateDockerPaths(env).pidFile, "utf8"));
    const session = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[3];
    expect(Number(session), "the daemon leads a session of its own").toBe(pid);

    const again: string[] = [];
    await begin(again);
    expect(again).toEqual([]);
    expect(await stopPrivateEngine(env)).toBe(true);
    expect(await own()).toEqual([]);
    expect(mounts()).toEqual([]);
    expect(await isPrivateEngineRunning(env)).toBe(false);
    expect(await readdir(join(state, "docker/data"))).not.toEqual([]);
    expect(await stopPrivateEngine(env)).toBe(false);
  });

  test("comes back after its daemon was killed, over a stale pid file and a containerd that was left", async () => {
    await begin();
    const { pidFile, exec } = privateDockerPaths(env);
    const pid = Number(readFileSync(pidFile, "utf8"));
    process.kill(pid, "SIGKILL");
    await expect.poll(() => isPrivateEngineRunning(env)).toBe(false);
    const config = join(exec, "containerd/containerd.toml");
    const left = spawn("containerd", ["--config", config], { stdio: "ignore", detached: true });
    await once(left, "spawn");
    await writeFile(join(exec, "containerd/containerd.pid"), String(left.pid));
    // The pid now belongs to somebody else, who must not be killed for it.
    await writeFile(pidFile, String(process.pid));
    const engine = await begin();
    expect((await engine.probe()).product).toBe("Docker");
    expect(Number(readFileSync(pidFile, "utf8"))).not.toBe(pid);
    expect(left.signalCode).toBe("SIGKILL");
  });

  test("ends with a failed preparation that began it, and outlives one that found it", async () => {
    const failing = async (): Promise<void> => {
      await begin();
      throw new Error("the images could not be built");
    };
    await expect(leavingNoEngine(env, failing)).rejects.toThrow("could not be built");
    expect(await isPrivateEngineRunning(env)).toBe(false);
    expect(await own()).toEqual([]);
    await begin();
    await expect(leavingNoEngine(env, failing)).rejects.toThrow("could not be built");
    expect(await isPrivateEngineRunning(env)).toBe(true);
  });

  test("is started once by two set-ups at the same time", async () => {
    const one: string[] = [];
    const two: string[] = [];
    await Promise.all([begin(one), begin(two)]);
    const said = [...one, ...two];
    expect(said.filter((line) => line.startsWith("Starting"))).toHaveLength(1);
    expect(said).toContain("Another set-up is at work on this machine; waiting for it.");
    const all = await listProcesses();
    expect(all.filter(({ argv }) => argv.includes(join(state, "docker/data")))).toHaveLength(1);
  });

  test("that cannot start says why, with the daemon's words and its log, and leaves nothing", async () => {
    await writeFile(join(state, "dockerd"), "#!/bin/sh\necho 'failed to start daemon: no room on the moon' >&2\nexit 1\n", {
      mode: 0o755,
    });
    const starting = setUp(env, {
      install: false,
      say: () => undefined,
      find: findOwn,
      findDaemon: () => join(state, "dockerd"),
    });
    await expect(starting).rejects.toMatchObject({
      code: "SETUP_FAILED",
      message: expect.stringContaining("no room on the moon"),
      place: privateDockerPaths(env).log,
    });
    expect(await own()).toEqual([]);
  });

  test("in a path too long for sockets is refused before anything starts", async () => {
    const long = { ...env, NOVABOT_STATE_DIR: join(state, "x".repeat(100)) };
    await expect(setUp(long, { install: false, say: () => undefined, find: findOwn })).rejects.toMatchObject({
      code: "SETUP_REFUSED",
      place: "NOVABOT_STATE_DIR",
    });
  });

  test("`novabot setup --stop` stops it and says so", async () => {
    await begin();
    const main = new URL("../../src/cli/main.ts", import.meta.url).pathname;
    const stop = await run(process.execPath, [main, "setup", "--stop", "--json"], { env });
    expect(JSON.parse(stop.stdout)).toEqual({ stopped: true });
    expect(await isPrivateEngineRunning(env)).toBe(false);
    const again = await run(process.execPath, [main, "setup", "--stop"], { env });
    expect(again.stdout).toBe("No private engine is running.\n");
  });
});
