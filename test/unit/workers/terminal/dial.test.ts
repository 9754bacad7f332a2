import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { dialFrom } from "../../../../src/workers/link/dial.ts";
import type { WorkerAddress } from "../../../../src/workers/link/dial.ts";
import { dialTerminal } from "../../../../src/workers/terminal/dial.ts";
import { TerminalViewer } from "../../../../src/workers/terminal/viewer.ts";

/** A door that takes a connection and goes on like this. */
async function door(serve: (socket: Socket) => void): Promise<WorkerAddress> {
  const server = createServer((socket) => {
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => {}).once("data", () => serve(socket));
  });
  onTestFinished(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port, token: "x".repeat(16) };
}

/** Byte after byte, so that no limit on silence is reached. */
function trickle(beginning: string): (socket: Socket) => void {
  return (socket) => {
    socket.write(beginning);
    const timer = setInterval(() => void socket.write("x"), 20);
    socket.once("close", () => clearInterval(timer));
  };
}

const doors: readonly (readonly [name: string, serve: (socket: Socket) => void])[] = [
  ["says nothing", () => {}],
  ["answers a byte at a time", trickle("HTTP/1.1 101 Switching Protocols\r\nX: ")],
  ["refuses without an end", trickle("HTTP/1.1 401 Unauthorized\r\nContent-Length: 100000\r\n\r\n")],
];

describe.each(doors)("a door that %s", (_, serve) => {
  test("is given up in time by whoever wants records or a terminal", async () => {
    const address = await door(serve);
    await expect(dialFrom(() => address, 200)(new AbortController().signal)).rejects.toMatchObject({ code: "LINK_LOST" });
    const listener = { frame: () => {}, ended: () => {} };
    const dial = dialTerminal(() => address, { connectMs: 200 });
    await expect(dial({}, listener, new AbortController().signal)).rejects.toMatchObject({ code: "LINK_LOST" });
  });

  test("is left at once by who has had enough", async () => {
    const address = await door(serve);
    const viewer = new TerminalViewer({
      dial: dialTerminal(() => address, { connectMs: 60_000 }),
      request: {},
      size: () => ({ columns: 80, rows: 24 }),
      write: async () => {},
    });
    await sleep(100);
    viewer.leave();
    expect(await viewer.done).toBeNull();
  });
});
