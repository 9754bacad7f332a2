import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { socketOf } from "../../../../src/host/orchestrator/ws-socket.ts";
import { NovaError } from "../../../../src/model/errors.ts";
import { type MonitoringMessage, monitoringMessageSchema, type MonitoringRequest } from "../../../../src/model/monitoring.ts";
import { type FeedOptions, openFeed } from "../../../../src/orchestrator/feed/open-feed.ts";
import { type MonitoringParts, type MonitoringSession, openMonitoring } from "../../../../src/orchestrator/monitoring/session.ts";
import type { Store } from "../../../../src/store/store.ts";
import { linesOf, openTemporaryStore } from "../../../fixtures/temporary-store.ts";

type CallUnknown = MonitoringParts["operations"]["callUnknown"];

interface Client {
  readonly socket: WebSocket;
  readonly messages: MonitoringMessage[];
  /** Of the orchestrator's side. */
  readonly session: MonitoringSession;
  send(request: MonitoringRequest): void;
  /** Resolves when such a message was there. */
  until(isIt: (message: MonitoringMessage) => boolean): Promise<MonitoringMessage>;
}

interface Doors {
  readonly store: Store;
  readonly logged: object[];
  connect(): Promise<Client>;
}

const refuse: CallUnknown = async (name) => {
  throw new NovaError("REQUEST_INVALID", `nobody answers ${name}`);
};

/** `/ws/monitoring` on a real socket, over a real store. */
async function openDoors(callUnknown: CallUnknown = refuse, options: FeedOptions = {}): Promise<Doors> {
  const store = await openTemporaryStore();
  const feed = openFeed(store, options);
  const server = createServer();
  const doors = new WebSocketServer({ server, perMessageDeflate: false });
  const sessions: MonitoringSession[] = [];
  const logged: object[] = [];
  const logger = { error: (facts: object) => void logged.push(facts) };
  doors.on("connection", (socket) => {
    const caller = { name: "a token", role: "operator" } as const;
    sessions.push(openMonitoring(socketOf(socket), { feed, operations: { callUnknown }, caller, logger, version: "1.2.3" }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    feed.close();
    for (const socket of doors.clients) socket.terminate();
    server.close();
    await once(server, "close");
  });
  const connect = async (): Promise<Client> => {
    const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, { perMessageDeflate: false });
    const messages: MonitoringMessage[] = [];
    let wake: (() => void)[] = [];
    socket.on("message", (data: Buffer) => {
      messages.push(monitoringMessageSchema.parse(JSON.parse(data.toString())));
      const waiting = wake;
      wake = [];
      for (const resolve of waiting) resolve();
    });
    const until = async (isIt: (message: MonitoringMessage) => boolean): Promise<MonitoringMessage> => {
      for (let seen = 0; ;) {
        for (; seen < messages.length; seen++) {
          const message = messages[seen];
          if (message && isIt(message)) return message;
        }
        await new Promise<void>((resolve) => wake.push(resolve));
      }
    };
    await until(({ type }) => type === "hello");
    const session = sessions.at(-1);
    if (!session) throw new Error("there is no session");
    return { socket, messages, session, until, send: (request) => socket.send(JSON.stringify(request)) };
  };
  return { store, logged, connect };
}

function textsOf(messages: readonly MonitoringMessage[], id: number): string[] {
  return messages.flatMap((message) =>
    message.type === "entries" && message.id === id
      ? message.entries.flatMap((entry) => (entry.kind === "log" ? [entry.text] : []))
      : [],
  );
}

it("greets, follows for several subscriptions at once, and ends one when told to", async () => {
  const { store, connect } = await openDoors();
  await store.keep(linesOf("a", 1, 3));
  const client = await connect();
  expect(client.messages[0]).toEqual({ type: "hello", protocol: 1, version: "1.2.3", position: 3, role: "operator" });
  client.send({ type: "subscribe", id: 1, filter: { workers: ["a"] }, after: 1 });
  client.send({ type: "subscribe", id: 2, filter: { workers: ["b"] } });
  await client.until((message) => message.type === "live" && message.id === 1);
  await client.until((message) => message.type === "live" && message.id === 2);
  expect(textsOf(client.messages, 1)).toEqual(["line 2 of a", "line 3 of a"]);
  await store.keep(linesOf("b", 1, 2));
  await client.until((message) => message.type === "entries" && message.id === 2);
  client.send({ type: "unsubscribe", id: 1 });
  // A call after it shows that it was heard.
  client.send({ type: "call", id: 3, name: "house.status", params: {} });
  await client.until((message) => message.type === "failure" && message.id === 3);
  await store.keep(linesOf("a", 4, 1));
  await store.keep(linesOf("b", 3, 1));
  await client.until((message) => message.type === "entries" && message.id === 2 && message.position === 7);
  expect(textsOf(client.messages, 1)).toEqual(["line 2 of a", "line 3 of a"]);
  expect(textsOf(client.messages, 2)).toEqual(["line 1 of b", "line 2 of b", "line 3 of b"]);
});

it("goes on where it was after the connection broke, without gap or double", async () => {
  const { store, connect } = await openDoors();
  const seen: string[] = [];
  let after = 0;
  const writing = (async () => {
    for (let seq = 1; seq <= 2_000; seq += 20) await store.keep(linesOf("a", seq, 20));
  })();
  for (let round = 0; seen.length < 2_000; round++) {
    const client = await connect();
    client.send({ type: "subscribe", id: round, filter: {}, after });
    const wanted = Math.min(2_000, seen.length + 300);
    await client.until(() => seen.length + textsOf(client.messages, round).length >= wanted);
    client.socket.terminate();
    for (const message of client.messages) if (message.type === "entries") after = message.position;
    seen.push(...textsOf(client.messages, round));
  }
  await writing;
  expect(seen).toEqual(Array.from({ length: 2_000 }, (_, index) => `line ${index + 1} of a`));
});

it("carries out calls with the caller's own rights, and gives failures with their code and next step", async () => {
  const asked: unknown[] = [];
  const { connect } = await openDoors(async (name, params, { caller, door }) => {
    asked.push([name, params, caller.name, door]);
    if (name === "broken") throw new TypeError("something inside");
    if (name === "forbidden") throw new NovaError("ACCESS_FORBIDDEN", "only an admin may");
    return { worker: "a" };
  });
  const client = await connect();
  client.send({ type: "call", id: 1, name: "process.stop", params: { instanceId: "app" } });
  client.send({ type: "call", id: 2, name: "forbidden", params: {} });
  client.send({ type: "call", id: 3, name: "broken", params: {} });
  expect(await client.until((message) => message.type === "result")).toEqual({ type: "result", id: 1, result: { worker: "a" } });
  expect(await client.until((message) => message.type === "failure" && message.id === 2)).toMatchObject({
    error: { code: "ACCESS_FORBIDDEN", message: "only an admin may", next: expect.stringContaining("role") },
  });
  const inside = await client.until((message) => message.type === "failure" && message.id === 3);
  expect(inside).toMatchObject({ error: { code: "INTERNAL" } });
  expect(JSON.stringify(inside)).not.toContain("something inside");
  expect(asked[0]).toEqual(["process.stop", { instanceId: "app" }, "a token", "websocket"]);
});

it("gives up the calls of a client that has gone", async () => {
  const { promise: given, resolve } = Promise.withResolvers<AbortSignal | undefined>();
  const { connect } = await openDoors(async (_name, _params, { signal }) => {
    resolve(signal);
    await new Promise<void>((done) => signal?.addEventListener("abort", () => done()));
    return null;
  });
  const client = await connect();
  client.send({ type: "call", id: 1, name: "process.start", params: {} });
  const signal = await given;
  client.socket.terminate();
  await client.session.ended;
  expect(signal?.aborted).toBe(true);
});

it("refuses a number in use, too many subscriptions, and ends the session for what is no message", async () => {
  const { connect } = await openDoors();
  const client = await connect();
  client.send({ type: "subscribe", id: 1, filter: {} });
  client.send({ type: "subscribe", id: 1, filter: {} });
  expect(await client.until(({ type }) => type === "failure")).toMatchObject({ id: 1, error: { code: "REQUEST_INVALID" } });
  for (let id = 2; id <= 65; id++) client.send({ type: "subscribe", id, filter: {} });
  expect(await client.until((message) => message.type === "failure" && message.id === 65)).toMatchObject({
    error: { message: expect.stringContaining("64 subscriptions") },
  });
  for (const wrong of [
    "",
    "null",
    "[]",
    '{"type":"subscribe","id":1}',
    '{"type":"call","id":-1,"name":"x","params":{}}',
    "x".repeat(1_048_577),
  ]) {
    const other = await connect();
    other.socket.send(wrong);
    const [code] = (await once(other.socket, "close")) as [number];
    expect(code, wrong.slice(0, 40)).toBe(1008);
    expect(other.messages.at(-1)).toMatchObject({ type: "bye", reason: "protocol" });
  }
  const binary = await connect();
  binary.socket.send(Buffer.from("{}"));
  await once(binary.socket, "close");
  expect(binary.messages.at(-1)).toMatchObject({ type: "bye", reason: "protocol" });
});

it("reads no more from one who only asks what is refused, and reads nothing", async () => {
  const { connect } = await openDoors();
  const client = await connect();
  client.socket.pause();
  const text = JSON.stringify({ type: "subscribe", id: 1, filter: { workers: ["nobody"] } } satisfies MonitoringRequest);
  // What the orchestrator does not read stays on this side, in the end: its answers would fill memory there.
  let isHeld = false;
  for (let round = 0; round < 4_000 && !isHeld; round += 1) {
    for (let time = 0; time < 100; time += 1) client.socket.send(text);
    await new Promise((resolve) => setImmediate(resolve));
    isHeld = client.socket.bufferedAmount > 4_000_000;
  }
  expect(isHeld).toBe(true);
});

it("tells nothing of what went wrong inside, but the log", async () => {
  const { connect, logged } = await openDoors(async () => {
    throw new TypeError("a secret of the inside");
  });
  const client = await connect();
  client.send({ type: "call", id: 1, name: "house.status", params: {} });
  const failure = await client.until(({ type }) => type === "failure");
  expect(failure).toMatchObject({ id: 1, error: { code: "INTERNAL" } });
  expect(JSON.stringify(failure)).not.toContain("secret");
  expect(logged).toEqual([{ id: 1, reason: "a secret of the inside" }]);
});

it("says farewell", async () => {
  const { connect } = await openDoors();
  const client = await connect();
  client.session.end("access", "the token was removed");
  await once(client.socket, "close");
  await client.session.ended;
  expect(client.messages.at(-1)).toEqual({ type: "bye", reason: "access", message: "the token was removed" });
});

it("holds nothing for one who does not read: it finds a gap, and the others find nothing of it", async () => {
  const { store, connect } = await openDoors(refuse, { mostBytes: 2_000_000 });
  const [slow, quick] = [await connect(), await connect()];
  for (const client of [slow, quick]) {
    client.send({ type: "subscribe", id: 1, filter: {} });
    await client.until(({ type }) => type === "live");
  }
  slow.socket.pause();
  const total = 30_000;
  for (let seq = 1; seq <= total; seq += 300) {
    const kept = await store.keep(linesOf("a", seq, 300, { text: "x".repeat(1_000) }));
    const last = kept.at(-1)?.position ?? 0;
    await quick.until((message) => message.type === "entries" && message.position >= last);
  }
  expect(textsOf(quick.messages, 1)).toHaveLength(total);
  expect(quick.messages.some(({ type }) => type === "gap")).toBe(false);
  slow.socket.resume();
  const gap = await slow.until(({ type }) => type === "gap");
  if (gap.type !== "gap") throw new Error("no gap came");
  expect(gap).toMatchObject({ reason: "slow reader", upTo: total });
  expect(textsOf(slow.messages, 1).length + (gap.entries ?? 0)).toBe(total);
  await store.keep(linesOf("a", total + 1, 1));
  await slow.until((message) => message.type === "entries" && message.position === total + 1);
});
