import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Of the door of a real supervisor, as its container would have it. */
    readonly workerPort: number;
    /** Of a door that lets in and goes away without a farewell: at `/broken` after a frame of no known kind, elsewhere after nothing. */
    readonly brokenPort: number;
  }
}

export const WORKER_TOKEN = "a-token-of-the-test-1";

/** The supervisor of a worker, outside of workerd as it would be in its container. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "novabot-bound-worker-"));
  const supervisor = spawn(process.execPath, [join(import.meta.dirname, "../../src/supervisor/main.ts")], {
    cwd: directory,
    env: {
      PATH: process.env["PATH"],
      HOME: directory,
      PS1: "$ ",
      NOVABOT_WORKER: "api",
      NOVABOT_CONTAINER: "api-box",
      NOVABOT_WORKER_TOKEN: WORKER_TOKEN,
      NOVABOT_WORKER_ADDRESS: "127.0.0.1",
      NOVABOT_WORKER_PORT: "0",
      NOVABOT_SUPERVISOR_SOCKET: join(directory, "run/supervisor.sock"),
      NOVABOT_DATA: join(directory, "data"),
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(supervisor, "close");
  const port = await new Promise<number>((resolve, reject) => {
    createInterface({ input: supervisor.stderr }).on("line", (line) => {
      const match = /on port (\d+)/.exec(line);
      if (match) resolve(Number(match[1]));
    });
    void ended.then(() => reject(new Error("the supervisor ended before it was ready")));
  });
  project.provide("workerPort", port);
  const broken = await brokenDoor();
  project.provide("brokenPort", (broken.address() as AddressInfo).port);
  return async () => {
    broken.close();
    supervisor.kill("SIGTERM");
    await ended;
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  };
}

async function brokenDoor(): Promise<Server> {
  const server = createServer().on("upgrade", ({ headers, url }, socket: Socket) => {
    const key = `${headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    const head = [
      "HTTP/1.1 101 Switching Protocols",
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Accept: ${accept}`,
    ];
    socket.on("error", () => socket.destroy());
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    // A frame of a kind that does not exist.
    socket.end(Buffer.from(url === "/broken" ? [0x8f, 0] : []));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}
