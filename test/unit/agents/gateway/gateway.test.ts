import { once } from "node:events";
import { readdir, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Gateway } from "../../../../src/agents/gateway/gateway.ts";
import { Presence } from "../../../../src/agents/turns/presence.ts";
import { openHome } from "../../../../src/agents/home/home.ts";
import { exchange, openDoor, openGateway, plan, socketOf } from "../../../fixtures/gateway.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

test("a door's directory: any user may use the socket, however deep the home lies; it goes with the door", async () => {
  const deep = join(await temporaryDirectory(), "d".repeat(100), "e".repeat(100));
  const home = await openHome(deep, { create: true });
  const presence = await Presence.claim(home);
  const gateway = new Gateway({ home, host: presence, env: {} });
  const door = await gateway.open({ folder: "family", container: "novabot-family-1" });
  expect((await stat(door.directory)).mode & 0o777).toBe(0o755);
  expect((await stat(join(door.directory, "gateway.sock"))).mode & 0o777).toBe(0o666);
  const again = await gateway.open({ folder: "family", container: "novabot-family-2" });
  await door.close();
  expect(await readdir(join(home.host, "gateway", presence.id))).toEqual(["novabot-family-2"]);
  expect(await readdir(again.directory)).toEqual(["gateway.sock"]);
  await expect(gateway.open({ folder: "family", container: "novabot-family-2" })).rejects.toMatchObject({ code: "HOME_INVALID" });
  expect(await readdir(again.directory)).toEqual(["gateway.sock"]);
  await gateway.close();
  expect(await readdir(join(home.host, "gateway"))).toEqual([]);
  await presence.release();
});

test("what a dead host left is swept; what a living one has stays", async () => {
  const home = await openHome(await temporaryDirectory(), { create: true });
  const [dead, alive, own] = [await Presence.claim(home), await Presence.claim(home), await Presence.claim(home)];
  const left = new Gateway({ home, host: dead, env: {} });
  await left.open({ folder: "family", container: "a" });
  const living = new Gateway({ home, host: alive, env: {} });
  await living.open({ folder: "family", container: "b" });
  await dead.release();
  const gateway = new Gateway({ home, host: own, env: {} });
  await gateway.open({ folder: "family", container: "c" });
  expect((await readdir(join(home.host, "gateway"))).toSorted()).toEqual([alive.id, own.id].toSorted());
  for (const open of [left, living, gateway]) await open.close();
  for (const presence of [alive, own]) await presence.release();
});

test("one run at a time, and none by a closed door", async () => {
  const door = await openDoor(await openGateway());
  const visit = door.admit(plan(null));
  expect(visit.variables).toEqual({});
  expect(() => door.admit(plan(null))).toThrow("taken");
  expect(visit.end()).toEqual({ usage: null, denied: [] });
  expect(visit.end()).toEqual({ usage: null, denied: [] });
  const next = door.admit(plan(null));
  visit.end();
  expect(() => door.admit(plan(null))).toThrow("taken");
  next.end();
  await door.close();
  expect(() => door.admit(plan(null))).toThrow("closed");
});

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise<void>((resolve) => socket.once("close", () => resolve()));
}

/** A connection to a door whose end can be awaited, and whose errors are expected. */
function raw(path: string): Socket {
  const socket = connect(path);
  socket.on("error", () => undefined);
  onTestFinished(() => void socket.destroy());
  return socket;
}

test("a hostile container neither blocks other doors nor ends the process", async () => {
  const api = createServer((request, response) => {
    request.resume();
    response.end("{}");
  });
  api.listen(0, "127.0.0.1");
  await once(api, "listening");
  onTestFinished(() => {
    api.closeAllConnections();
    api.close();
  });
  const gateway = await openGateway();
  const [hostile, polite] = [await openDoor(gateway), await openDoor(gateway)];
  const url = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  hostile.admit(plan(url, []));
  const token = polite.admit(plan(url)).variables["ANTHROPIC_API_KEY"] ?? "";
  const path = socketOf(hostile);
  const noise = [
    "\x00\x01\x02\xff\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    `GET / HTTP/1.1\r\n${"x: y\r\n".repeat(20_000)}\r\n`,
    `GET /${"a".repeat(100_000)} HTTP/1.1\r\n\r\n`,
    "POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
    "POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999\r\n\r\n",
    "CONNECT HTTP/1.1\r\n\r\n",
    "CONNECT :443 HTTP/1.1\r\nhost: a\r\n\r\n",
    "CONNECT a.example:443 HTTP/1.1\r\nhost: a\r\n\r\nxxxx",
    "GET http:///x HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET ftp://a.example/ HTTP/1.1\r\nhost: a\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(5000),
  ];
  for (const bytes of noise) {
    const socket = raw(path);
    socket.end(bytes, "latin1");
    socket.resume();
    await closed(socket);
  }
  // As many as it can open, each in the middle of a request: all but what one container may have are hung up on.
  const held = Array.from({ length: 300 }, () => raw(path));
  let hungUp = 0;
  const refused = new Promise<void>((resolve) => {
    for (const socket of held) {
      socket.once("close", () => (hungUp += 1) === held.length - 128 && resolve());
      socket.resume();
    }
  });
  for (const socket of held) socket.write("POST /v1/messages HTTP/1.1\r\nhost: a\r\nx-");
  await refused;
  const { status } = await exchange(polite, { method: "GET", path: "/v1/models", headers: { "x-api-key": token } });
  expect(status).toBe(200);
  expect(hungUp).toBe(held.length - 128);
});

test("a slow reader holds its own answer up, not the host's memory", async () => {
  const chunk = Buffer.alloc(64 * 1024, "x");
  let sent = 0;
  const api = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/event-stream" });
    const more = (): void => {
      while (!response.destroyed && sent < 512 * 2 ** 20) {
        sent += chunk.length;
        if (!response.write(chunk)) return void response.once("drain", more);
      }
    };
    more();
  });
  api.listen(0, "127.0.0.1");
  await once(api, "listening");
  onTestFinished(() => {
    api.closeAllConnections();
    api.close();
  });
  const door = await openDoor(await openGateway());
  const visit = door.admit(plan(`http://127.0.0.1:${(api.address() as AddressInfo).port}`));
  const slow = raw(socketOf(door));
  slow.write(
    `POST /v1/messages HTTP/1.1\r\nhost: a\r\nx-api-key: ${visit.variables["ANTHROPIC_API_KEY"]}\r\ncontent-length: 2\r\n\r\n{}`,
  );
  await once(slow, "readable");
  // It stands still when what passed stays the same over many turns of the event loop.
  for (let last = -1, still = 0; still < 200; last = sent) {
    await new Promise((resolve) => setImmediate(resolve));
    still = sent === last ? still + 1 : 0;
  }
  expect(sent).toBeLessThan(32 * 2 ** 20);
  visit.end();
  slow.resume();
  await closed(slow);
});

test("a directory that cannot hold a socket is named", async () => {
  const home = await openHome(await temporaryDirectory(), { create: true });
  const presence = await Presence.claim(home);
  await writeFile(join(home.host, "gateway"), "");
  const gateway = new Gateway({ home, host: presence, env: {} });
  await expect(gateway.open({ folder: "family", container: "a" })).rejects.toMatchObject({ code: "HOME_INVALID" });
  await presence.release();
});
