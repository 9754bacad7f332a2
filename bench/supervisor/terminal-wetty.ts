import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { packageRoot } from "../../src/host/package-root.ts";
import { prompted, type Shell, stopped, type TerminalSubject } from "./terminal-subject.ts";

const VERSION = "3.2.0";
/** Its page acknowledges output by so many characters. */
const COMMIT = 262_144;

interface SocketIO {
  on(event: string, listener: (data: string) => void): void;
  emit(event: string, value?: unknown): void;
  close(): void;
}

/** wetty from the npm registry, brought once and kept below `.cache`, with the node-pty that carries its binary. */
async function bring(): Promise<string> {
  const directory = join(packageRoot(), ".cache", `wetty-${VERSION}`);
  if (existsSync(join(directory, "node_modules/wetty/build/main.js"))) return directory;
  mkdirSync(directory, { recursive: true });
  const overrides = { "node-pty": "npm:@lydell/node-pty@1.1.0" };
  writeFileSync(join(directory, "package.json"), JSON.stringify({ private: true, dependencies: { wetty: VERSION }, overrides }));
  await promisify(execFile)("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: directory });
  return directory;
}

/** Needs to be root: otherwise wetty goes through ssh. */
export async function wetty(): Promise<TerminalSubject> {
  const directory = await bring();
  const port = await freePort();
  const main = join(directory, "node_modules/wetty/build/main.js");
  const args = [main, "--host", "127.0.0.1", "--port", String(port), "--command", "/bin/sh", "--log-level", "error"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  await listening(port, () => child.exitCode !== null);
  return {
    name: `wetty ${VERSION}`,
    way: { kind: "wetty", directory },
    pid: child.pid ?? 0,
    port,
    open: async (through) => await openWetty(directory, through),
    close: async () => await stopped(child),
  };
}

export async function openWetty(directory: string, through: number): Promise<Shell> {
  const { io } = createRequire(join(directory, "package.json"))("socket.io-client") as {
    io(url: string, options: object): SocketIO;
  };
  const socket = io(`http://127.0.0.1:${through}`, {
    path: "/socket.io",
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
  });
  const ended = new Promise<void>((resolve) => {
    socket.on("logout", () => resolve());
    socket.on("disconnect", () => resolve());
    socket.on("connect_error", () => resolve());
  });
  const shell: Shell = {
    onOutput: () => undefined,
    type: (text) => socket.emit("input", text),
    ended,
    close: () => socket.close(),
  };
  let waiting = 0;
  socket.on("data", (text) => {
    shell.onOutput(Buffer.from(text));
    for (waiting += text.length; waiting >= COMMIT; waiting -= COMMIT) socket.emit("commit", COMMIT);
  });
  return await prompted(shell);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

async function listening(port: number, hasEnded: () => boolean): Promise<void> {
  while (!hasEnded()) {
    const socket = connect(port, "127.0.0.1");
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.on("connect", () => resolve(true));
      socket.on("error", () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await sleep(50);
  }
  throw new Error("wetty does not start");
}
