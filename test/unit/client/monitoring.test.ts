import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { connectByWS } from "../../../src/cli/orchestrator-socket.ts";
import { type Client, openClient } from "../../../src/client/client.ts";
import type { FollowPart } from "../../../src/client/follow.ts";
import { connectByWeb } from "../../../src/client/socket.ts";
import type { EventEntry } from "../../../src/model/entry.ts";
import type { MonitoringMessage, MonitoringRequest } from "../../../src/model/monitoring.ts";

/** One connection as the orchestrator's side has it. */
interface Peer {
  readonly authorization: string | undefined;
  /** The next request of this client. */
  next(): Promise<MonitoringRequest>;
  say(message: MonitoringMessage): void;
  cut(): void;
}

/** A door that the test itself speaks for. */
async function door(): Promise<{ url: string; peer: () => Promise<Peer> }> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const peers = queue<Peer>();
  server.on("connection", (socket: WebSocket, request) => {
    const requests = queue<MonitoringRequest>();
    socket.on("message", (data: Buffer) => requests.put(JSON.parse(data.toString("utf8")) as MonitoringRequest));
    peers.put({
      authorization: request.headers.authorization,
      next: requests.take,
      say: (message) => socket.send(JSON.stringify(message)),
      cut: () => socket.terminate(),
    });
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, peer: peers.take };
}

function queue<T>(): { put(value: T): void; take(): Promise<T> } {
  const values: T[] = [];
  const takers: ((value: T) => void)[] = [];
  return {
    put: (value) => {
      const taker = takers.shift();
      if (taker) taker(value);
      else values.push(value);
    },
    take: () => new Promise((resolve) => (values.length > 0 ? resolve(values.shift() as T) : takers.push(resolve))),
  };
}

const hello = (position: number): MonitoringMessage => ({ type: "hello", protocol: 1, version: "1", position, role: "viewer" });

function event(position: number): EventEntry {
  const nowhere = { worker: null, container: null, instance: null, group: null, run: null };
  return {
    kind: "event",
    position,
    atMs: 1,
    ...nowhere,
    bootID: null,
    seq: null,
    event: { type: "trouble", why: String(position) },
  };
}

/** Reads what is followed until `enough`. */
async function read(
  client: Client,
  after: number | null,
  enough: (parts: readonly FollowPart[]) => boolean,
): Promise<FollowPart[]> {
  const parts: FollowPart[] = [];
  const over = new AbortController();
  for await (const part of client.follow({ kinds: ["event"] }, { after, signal: over.signal })) {
    parts.push(part);
    if (enough(parts)) over.abort();
  }
  return parts;
}

const positions = (parts: readonly FollowPart[]): number[] =>
  parts.flatMap((part) => (part.kind === "entries" ? part.entries.map(({ position }) => position) : []));

const monitoring = { firstDelayMs: 5, mostDelayMs: 10 };

describe.each([
  ["the web's own WebSocket", connectByWeb],
  ["the package ws", connectByWS],
])("over %s", (_, connect) => {
  test("a follower goes on after the last entry when the connection breaks, and hears of the break", async () => {
    const { url, peer } = await door();
    const client = openClient({ url, token: "secret", connect, monitoring });
    const reading = read(client, 3, (parts) => positions(parts).length === 4);
    const first = await peer();
    expect(first.authorization).toBe("Bearer secret");
    first.say(hello(9));
    const asked = await first.next();
    expect(asked).toMatchObject({ type: "subscribe", filter: { kinds: ["event"] }, after: 3 });
    first.say({ type: "entries", id: asked.id, entries: [event(5), event(7)], position: 8 });
    first.say({ type: "live", id: asked.id, position: 9 });
    first.cut();
    const second = await peer();
    second.say(hello(12));
    const again = await second.next();
    expect(again).toMatchObject({ type: "subscribe" });
    // Either what was sent before the cut arrived, or it is asked for anew: what was told decides.
    const from = again.type === "subscribe" ? (again.after ?? -1) : -1;
    expect([3, 8, 9]).toContain(from);
    const rest = [5, 7, 10, 11].filter((position) => position > from).map(event);
    second.say({ type: "entries", id: again.id, entries: rest, position: 12 });
    const parts = await reading;
    expect(positions(parts)).toEqual([5, 7, 10, 11]);
    const breaks = parts.flatMap((part) => (part.kind === "break" ? [part.error?.code ?? null] : []));
    expect(breaks).toEqual(["LINK_LOST", null]);
  });

  test("who follows from now on says from where, so that a break before the first entry leaves no hole", async () => {
    const { url, peer } = await door();
    const reading = read(openClient({ url, connect, monitoring }), null, (parts) => positions(parts).length === 1);
    const first = await peer();
    first.say(hello(40));
    expect(await first.next()).toMatchObject({ type: "subscribe", after: 40 });
    first.cut();
    const second = await peer();
    second.say(hello(45));
    const again = await second.next();
    expect(again).toMatchObject({ type: "subscribe", after: 40 });
    second.say({ type: "entries", id: again.id, entries: [event(41)], position: 45 });
    expect(positions(await reading)).toEqual([41]);
  });

  test("an orchestrator whose database is another one is told of as a gap", async () => {
    const { url, peer } = await door();
    const reading = read(openClient({ url, connect, monitoring }), 100, (parts) => positions(parts).length === 1);
    const first = await peer();
    first.say(hello(7));
    const asked = await first.next();
    expect(asked).toMatchObject({ type: "subscribe", after: 7 });
    first.say({ type: "entries", id: asked.id, entries: [event(8)], position: 8 });
    expect((await reading)[0]).toEqual({ kind: "gap", reason: "another database", after: 100, upTo: 7, entries: null });
  });

  test("a token that is not let in any more ends it", async () => {
    const { url, peer } = await door();
    const reading = read(openClient({ url, connect, monitoring }), null, () => false);
    const first = await peer();
    first.say(hello(1));
    first.say({ type: "bye", reason: "access", message: "the token was removed" });
    await expect(reading).rejects.toMatchObject({ code: "ACCESS_DENIED", message: "the token was removed" });
  });

  test("what is no message of the protocol ends it", async () => {
    const { url, peer } = await door();
    const reading = read(openClient({ url, connect, monitoring }), null, () => false);
    const first = await peer();
    first.say(hello(1));
    first.say({ type: "entries", id: 1, entries: [{ kind: "event" }], position: 2 } as unknown as MonitoringMessage);
    await expect(reading).rejects.toMatchObject({ code: "LINK_PROTOCOL" });
  });

  test("a first connection that does not come about is told at once", async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const reading = read(openClient({ url: `http://127.0.0.1:${port}`, connect, monitoring }), null, () => false);
    await expect(reading).rejects.toMatchObject({ code: "ORCHESTRATOR_NOT_RUNNING" });
  });

  test("a first connection that does not come about is made again where the orchestrator has answered before", async () => {
    const sockets = new WebSocketServer({ noServer: true });
    const server = createServer((_request, response) => response.end('{"name": "ada", "role": "viewer"}'));
    let refused = 0;
    server.on("upgrade", (request, socket, head) => {
      if ((refused += 1) <= 2) socket.destroy();
      else sockets.handleUpgrade(request, socket, head, (one) => one.send(JSON.stringify(hello(3))));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      for (const one of sockets.clients) one.terminate();
      server.close();
    });
    const client = openClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, connect, monitoring });
    await client.call("access.me", {});
    const parts = await read(client, 1, (all) => all.length === 2);
    expect(parts.map((part) => (part.kind === "break" ? (part.error?.code ?? null) : part.kind))).toEqual(["LINK_LOST", null]);
  });

  test("a peer that says nothing any more is asked, and given up", async () => {
    const { url, peer } = await door();
    const client = openClient({ url, connect, monitoring: { ...monitoring, silenceMs: 50 } });
    const reading = read(client, null, (parts) => parts.some(({ kind }) => kind === "break"));
    const first = await peer();
    first.say(hello(1));
    expect(await first.next()).toMatchObject({ type: "subscribe" });
    expect(await first.next()).toMatchObject({ type: "call", name: "access.me" });
    expect((await reading).at(-1)).toMatchObject({ kind: "break", error: { code: "LINK_LOST" } });
  });
});

test("a reader that does not read lets entries wait where they are kept, and gets each once", async () => {
  const { url, peer } = await door();
  const client = openClient({ url, monitoring });
  const over = new AbortController();
  const parts = client.follow({}, { after: 0, signal: over.signal });
  const reading = parts.next();
  const first = await peer();
  first.say(hello(50_000));
  const asked = await first.next();
  const many = (from: number, to: number): EventEntry[] => Array.from({ length: to - from + 1 }, (_, at) => event(from + at));
  first.say({ type: "entries", id: asked.id, entries: many(1, 10_000), position: 10_000 });
  first.say({ type: "entries", id: asked.id, entries: many(10_001, 35_000), position: 35_000 });
  // Still on its way when the subscription ends.
  first.say({ type: "entries", id: asked.id, entries: many(35_001, 36_000), position: 36_000 });
  expect(await first.next()).toEqual({ type: "unsubscribe", id: asked.id });
  const heard = await reading;
  expect(heard.value).toMatchObject({ kind: "entries", position: 10_000 });
  expect((await parts.next()).value).toMatchObject({ kind: "entries", position: 35_000 });
  const third = parts.next();
  const again = await first.next();
  expect(again).toMatchObject({ type: "subscribe", after: 35_000 });
  expect(again.id).not.toBe(asked.id);
  first.say({ type: "entries", id: again.id, entries: many(35_001, 35_002), position: 35_002 });
  expect((await third).value).toMatchObject({ kind: "entries", position: 35_002 });
  over.abort();
  expect((await parts.next()).done).toBe(true);
});

test("a call over the connection gets its answer, a refusal, or the loss of the connection", async () => {
  const { url, peer } = await door();
  const open = openClient({ url, monitoring }).openMonitoring();
  onTestFinished(() => open.close());
  const calls = [open.call("access.me", {}), open.call("access.me", {}), open.call("access.me", {}), open.call("access.me", {})];
  const settled = Promise.allSettled(calls);
  const first = await peer();
  first.say(hello(1));
  const [one, two, three] = [await first.next(), await first.next(), await first.next()];
  await first.next();
  first.say({ type: "result", id: one.id, result: { name: "ada", role: "viewer" } });
  first.say({ type: "failure", id: two.id, error: { code: "ACCESS_FORBIDDEN", message: "no", next: "ask" } });
  first.say({ type: "result", id: three.id, result: { name: 7 } });
  await Promise.allSettled(calls.slice(0, 3));
  first.cut();
  expect(await settled).toMatchObject([
    { status: "fulfilled", value: { name: "ada", role: "viewer" } },
    { status: "rejected", reason: { code: "ACCESS_FORBIDDEN", next: "ask" } },
    { status: "rejected", reason: { code: "LINK_PROTOCOL" } },
    { status: "rejected", reason: { code: "LINK_LOST" } },
  ]);
});
