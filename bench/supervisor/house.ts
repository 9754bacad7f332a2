import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bundleSupervisor } from "../../src/host/images/sources.ts";
import { packageRoot } from "../../src/host/package-root.ts";
import { instanceSpecSchema } from "../../src/model/instance.ts";
import { type Connection, openConnection } from "../../src/supervisor/command/connection.ts";
import { supervisorNodeOptions } from "../../src/supervisor/command/launch.ts";
import type { Subject } from "./subject.ts";

export interface House {
  readonly pid: number;
  /** Of its door, on 127.0.0.1. */
  readonly port: number;
  readonly token: string;
  readonly connection: Connection;
  close(): Promise<void>;
}

/** NovaBot's supervisor as an image has it: one bundle, on the Node that runs this, with its doors open; below `directory` is all that it writes. */
export async function startHouse(directory: string): Promise<House> {
  // Below the repository, so that the native part of terminals is found.
  const bundle = join(packageRoot(), ".cache/bench-supervisor/supervisor.mjs");
  mkdirSync(dirname(bundle), { recursive: true });
  writeFileSync(bundle, (await bundleSupervisor()).supervisor);
  const home = join(directory, "novabot");
  mkdirSync(home);
  const socket = join(home, "s.sock");
  const token = randomBytes(24).toString("hex");
  const port = await freePort();
  const child = spawn(process.execPath, [...supervisorNodeOptions, bundle], {
    cwd: home,
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: process.env["PATH"],
      HOME: home,
      NOVABOT_SUPERVISOR_SOCKET: socket,
      NOVABOT_DATA: join(home, "data"),
      NOVABOT_WORKER_TOKEN: token,
      NOVABOT_WORKER_ADDRESS: "127.0.0.1",
      NOVABOT_WORKER_PORT: String(port),
      // All that a benchmark writes is to be found again.
      NOVABOT_RECORDS_DISK_BYTES: String(2 ** 31),
    },
  });
  const connection = await connected(child, socket);
  return {
    pid: child.pid ?? 0,
    port,
    token,
    connection,
    async close() {
      connection.close();
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function connected(child: ChildProcess, socket: string): Promise<Connection> {
  for (;;) {
    if (child.exitCode !== null) throw new Error("the supervisor does not start");
    try {
      return await openConnection(socket);
    } catch {
      await sleep(20);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return address !== null && typeof address === "object" ? address.port : 0;
}

/** The same as one of those that are compared. */
export async function houseSubject(directory: string): Promise<Subject> {
  const house = await startHouse(directory);
  const { connection } = house;
  return {
    name: "NovaBot",
    pid: house.pid,
    async start(id, argv, restarts) {
      const restart = restarts ? { when: "always", maxRestarts: null, delayMs: 0, maxDelayMs: 0 } : { when: "never" };
      await connection.call("process.start", { spec: instanceSpecSchema.parse({ id, argv, directory, restart }) });
    },
    async captured(id) {
      await connection.call("process.wait", { id, for: "stopped", timeoutMs: 120_000 });
      return { atMs: Date.now(), lines: (written) => linesKept(connection, id, written) };
    },
    remove: async (id) => void (await connection.call("process.remove", { id })),
    close: () => house.close(),
  };
}

/** Reads all records back. */
async function linesKept(connection: Connection, instance: string, written: Buffer): Promise<number> {
  let lines = 0;
  let at = 0;
  let afterSeq = 0;
  for (;;) {
    const { records } = await connection.call("logs.get", { instances: [instance], afterSeq, limit: 10_000 });
    if (records.length === 0) return lines;
    for (const record of records) {
      afterSeq = record.seq;
      const end = written.indexOf(0x0a, at);
      if (record.kind !== "log" || end === -1 || record.text !== written.toString("utf8", at, end)) continue;
      lines += 1;
      at = end + 1;
    }
  }
}
