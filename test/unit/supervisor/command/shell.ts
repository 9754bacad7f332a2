import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { bundleSupervisor } from "../../../../src/host/images/sources.ts";
import { killMarked, processesMarked, signal, until } from "../../../fixtures/engines/processes.ts";
import { endOwnProcesses, ownEnvironment } from "../../../fixtures/own-processes.ts";
import { openConnection } from "../../../../src/supervisor/command/connection.ts";
import type { SupervisorInfo } from "../../../../src/model/worker-calls.ts";

const modules = fileURLToPath(new URL("../../../../node_modules/@lydell", import.meta.url));
let program = "";
let programDirectory = "";

beforeAll(async () => {
  // As they are in the image, where both are one file each.
  programDirectory = await mkdtemp(join(tmpdir(), "novabot-command-"));
  const { supervisor, command } = await bundleSupervisor();
  program = join(programDirectory, "cli-tools.js");
  await writeFile(program, command);
  await writeFile(join(programDirectory, "supervisor.mjs"), supervisor);
  await writeFile(join(programDirectory, "package.json"), '{ "type": "module" }');
  await mkdir(join(programDirectory, "node_modules"));
  await symlink(modules, join(programDirectory, "node_modules/@lydell"));
});

afterAll(async () => {
  // A test that failed may have left one that was just being started.
  const left = (): number[] => processesMarked([programDirectory]);
  for (const pid of left()) signal(pid, "SIGTERM");
  await until("the end of all supervisors", () => left().length === 0).catch(() => killMarked([programDirectory]));
  await rm(programDirectory, { recursive: true, force: true });
});

export interface Ran {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A shell with a supervisor's places of its own; what it starts is gone when the test ends. */
export interface Shell {
  readonly directory: string;
  readonly socketPath: string;
  /** Runs the command line to its end. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ran>;
  /** The same, for one that must end with 0; its output as text. */
  ok(args: readonly string[]): Promise<string>;
  /** Starts it, for one that does not end by itself. */
  open(args: readonly string[]): ChildProcess;
  info(): Promise<SupervisorInfo>;
}

export async function openShell(): Promise<Shell> {
  const directory = await mkdtemp(join(tmpdir(), "novabot-command-"));
  const socketPath = join(directory, "run/supervisor.sock");
  const own = {
    NOVABOT_SUPERVISOR_SOCKET: socketPath,
    NOVABOT_DATA: join(directory, "data"),
    NOVABOT_WORKER_PORT: "0",
    NOVABOT_STOP_GRACE_MS: "2000",
    ...ownEnvironment(),
  };
  const children: ChildProcess[] = [];
  let isFinished = false;
  const open = (args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess => {
    // A test that took too long goes on after its end.
    if (isFinished) throw new Error("the test is over");
    const child = spawn(process.execPath, [program, ...args], {
      cwd: directory,
      env: { PATH: process.env["PATH"], ...own, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.push(child);
    return child;
  };
  const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> => {
    const child = open(args, env);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
    const code = await new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
    return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
  };
  const info = async (): Promise<SupervisorInfo> => {
    const connection = await openConnection(socketPath);
    try {
      return await connection.call("supervisor.info", {});
    } finally {
      connection.close();
    }
  };
  onTestFinished(async () => {
    isFinished = true;
    for (const child of children) child.kill("SIGKILL");
    const running = await info().catch(() => null);
    if (running) {
      process.kill(running.pid, "SIGTERM");
      await Promise.race([gone(running.pid), sleep(10_000, undefined, { ref: false })]);
    }
    await endOwnProcesses();
    await rm(directory, { recursive: true, force: true });
  });
  return {
    directory,
    socketPath,
    open,
    run,
    info,
    async ok(args) {
      const { code, stdout, stderr } = await run(args);
      if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`);
      return stdout.toString();
    },
  };
}

/** Waits until there is no such process. */
export async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A child's output, as far as it came. */
export interface Reading {
  readonly text: () => string;
  /** Waits until it is so. */
  until(isIt: (text: string) => boolean): Promise<void>;
}

export function readOutput(child: ChildProcess): Reading {
  let text = "";
  let closed = false;
  let wake = (): void => undefined;
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    wake();
  });
  child.once("close", () => {
    closed = true;
    wake();
  });
  return {
    text: () => text,
    async until(isIt) {
      while (!isIt(text)) {
        if (closed) throw new Error(`it ended before that: ${text.slice(-2000)}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
