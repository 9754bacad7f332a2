import { createHash } from "node:crypto";
import { readlinkSync, statSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { basename, dirname } from "node:path";
import { hasCode, NovaError } from "../../model/errors.ts";

const ASK_MS = 1_000;

/**
 * Holds sockets in the kernel's abstract namespace, which vanish with the process that holds them, however it ends: one supervisor for each unix socket
 * and for each directory of records. Rejects with SUPERVISOR_FAILED and the holder's process id.
 */
export async function takeLocks(names: readonly string[], pid: number = process.pid): Promise<{ release(): Promise<void> }> {
  const held: Server[] = [];
  const release = async (): Promise<void> => {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  };
  for (const name of names) {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.end(String(pid));
    });
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(`\0${name}`, resolve);
      });
    } catch (error) {
      await release();
      if (!hasCode(error, "EADDRINUSE")) throw error;
      const holder = await askHolder(name);
      throw new NovaError("SUPERVISOR_FAILED", `a supervisor runs already in this container, as process ${holder ?? "unknown"}`, {
        next: "Use that one (`node cli-tools.js process list`).",
        facts: { holder },
      });
    }
    held.push(server);
  }
  return { release };
}

/** Names for `takeLocks`; the directories exist. Containers may share a network, and with it the abstract namespace, but not a process namespace. */
export function lockNames(socketPath: string, dataDirectory: string): readonly string[] {
  const directory = statSync(dirname(socketPath), { bigint: true });
  const data = statSync(dataDirectory, { bigint: true });
  const hash = (what: string): string => createHash("sha256").update(what).digest("hex").slice(0, 32);
  return [
    `novabot-supervisor-${hash(`socket:${readlinkSync("/proc/self/ns/pid")}:${directory.dev}:${directory.ino}:${basename(socketPath)}`)}`,
    // The same directory mounted into two containers has one number in both.
    `novabot-supervisor-${hash(`data:${data.dev}:${data.ino}`)}`,
  ];
}

function askHolder(name: string): Promise<number | null> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect({ path: `\0${name}` });
    const done = (): void => {
      socket.destroy();
      resolve(/^\d{1,10}$/.test(text) ? Number(text) : null);
    };
    socket.setTimeout(ASK_MS, done);
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (text.length > 16) done();
    });
    socket.on("error", done);
    socket.on("close", done);
  });
}
