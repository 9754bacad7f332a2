import { once } from "node:events";
import { connect } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { instanceSpecSchema } from "../../../../src/model/instance.ts";
import { type WorkerMessage, workerMessageSchema } from "../../../../src/model/link.ts";
import { randomBelow } from "../../../fixtures/seeded-random.ts";
import { openHouse, TOKEN, type House } from "../../../fixtures/supervised-house.ts";

/** A peer that says what it likes, and keeps all that it is told. */
async function dial({ port }: Pick<House, "port">) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, {
    headers: { authorization: `Bearer ${TOKEN}` },
    perMessageDeflate: false,
  });
  onTestFinished(() => socket.terminate());
  socket.on("error", () => {});
  const messages: WorkerMessage[] = [];
  const waiting: (() => void)[] = [];
  socket.on("message", (data: Buffer) => {
    messages.push(workerMessageSchema.parse(JSON.parse(data.toString())));
    for (const wake of waiting.splice(0)) wake();
  });
  const closed = once(socket, "close");
  await once(socket, "open");
  const next = async <Type extends WorkerMessage["type"]>(type: Type): Promise<Extract<WorkerMessage, { type: Type }>> => {
    for (;;) {
      const index = messages.findIndex((message) => message.type === type);
      const [message] = index === -1 ? [] : messages.splice(index, 1);
      if (message) return message as Extract<WorkerMessage, { type: Type }>;
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  const say = (message: unknown): void => socket.send(JSON.stringify(message));
  return { socket, messages, next, say, closed };
}

const welcome = (role: "collector" | "observer", credit: number, have: { bootID: string; seq: number }[] = []) => ({
  type: "welcome",
  protocol: 1,
  role,
  have,
  credit,
});
const shell = (id: string, script: string) =>
  instanceSpecSchema.parse({ id, argv: ["sh", "-c", script], directory: "/", restart: { when: "never" }, stopGraceMs: 100 });

it("says hello first, with who it is and what it has", async () => {
  const house = await openHouse();
  await house.instances.start(shell("one", "sleep 1000"));
  const peer = await dial(house);
  const hello = await peer.next("hello");
  expect(hello).toMatchObject({
    protocol: 1,
    worker: "worker",
    container: "container",
    bootID: house.journal.bootID,
    instances: [{ id: "one", state: "running" }],
  });
  expect(hello.backlog.at(-1)).toMatchObject({ bootID: house.journal.bootID, firstSeq: 1 });
});

it("sends as many records as there is credit for, and what the collector has not", async () => {
  const house = await openHouse();
  await house.instances.start(shell("one", "seq 1 100"));
  await house.instances.wait("one", "stopped", 10_000);
  const { bootID, lastSeq } = house.journal;
  const peer = await dial(house);
  peer.say(welcome("collector", 7, [{ bootID, seq: 3 }]));
  const seen: number[] = [];
  const read = async (until: number): Promise<void> => {
    while (seen.length < until) for (const { seq } of (await peer.next("records")).records) seen.push(seq);
  };
  await read(7);
  // An answer that comes after them shows that no more came.
  peer.say({ type: "call", id: 1, name: "process.list", params: {} });
  await peer.next("result");
  expect(seen).toEqual([4, 5, 6, 7, 8, 9, 10]);
  expect(peer.messages.filter(({ type }) => type === "records")).toEqual([]);
  peer.say({ type: "credit", records: 1_000 });
  await read(lastSeq - 3);
  expect(seen).toEqual(Array.from({ length: lastSeq - 3 }, (_, index) => index + 4));
  expect((await house.journal.stats()).acknowledgedSeq).toBe(3);
  peer.say({ type: "ack", bootID, seq: lastSeq });
  await house.monitor.collected(lastSeq);
  expect((await house.journal.stats()).acknowledgedSeq).toBe(lastSeq);
});

it.each<[string, unknown[] | string | Buffer]>([
  ["no JSON", "nonsense"],
  ["no message", "[]"],
  ["a binary message", Buffer.from("{}")],
  ["an unknown type", [{ type: "fly" }]],
  ["a call before the welcome", [{ type: "call", id: 1, name: "process.list", params: {} }]],
  ["another version", [{ ...welcome("observer", 0), protocol: 2 }]],
  ["an unknown field", [{ ...welcome("observer", 0), more: 1 }]],
  ["a prototype", '{"type":"welcome","protocol":1,"role":"observer","have":[],"credit":0,"__proto__":{"role":"collector"}}'],
  ["two welcomes", [welcome("observer", 0), welcome("collector", 1)]],
  ["too much credit", [{ ...welcome("collector", 1e9) }]],
  ["credit of an observer", [welcome("observer", 0), { type: "credit", records: 1 }]],
  ["an acknowledgement of an observer", [welcome("observer", 0), { type: "ack", bootID: "0".repeat(32), seq: 1 }]],
  ["an acknowledgement of what was not sent", [welcome("collector", 0), { type: "ack", bootID: "0".repeat(32), seq: 1 }]],
  ["an answer to what was not asked", [welcome("collector", 0), { type: "result", id: 5, result: {} }]],
  ["a number below 1", [welcome("observer", 0), { type: "call", id: 0, name: "process.list", params: {} }]],
])("answers %s with a farewell, and hangs up", async (_what, messages) => {
  const house = await openHouse();
  const peer = await dial(house);
  if (Array.isArray(messages)) for (const message of messages) peer.say(message);
  else peer.socket.send(messages);
  expect(await peer.next("bye")).toMatchObject({ reason: "protocol", message: expect.stringMatching(/\w{3}/) });
  await peer.closed;
  expect(house.monitor.linked).toBe(false);
  // Nobody else has noticed.
  const other = await dial(house);
  other.say(welcome("observer", 0));
  other.say({ type: "call", id: 1, name: "supervisor.info", params: {} });
  expect((await other.next("result")).result).toMatchObject({ worker: "worker" });
});

it("takes a collector for a liar that has what never was", async () => {
  const house = await openHouse();
  const { bootID, lastSeq } = house.journal;
  const liar = await dial(house);
  liar.say(welcome("collector", 10, [{ bootID, seq: lastSeq + 100 }]));
  expect(await liar.next("bye")).toMatchObject({ reason: "protocol", message: expect.stringContaining(String(lastSeq + 100)) });
  const hasty = await dial(house);
  hasty.say(welcome("collector", 1));
  await hasty.next("records");
  hasty.say({ type: "ack", bootID, seq: 2 });
  expect(await hasty.next("bye")).toMatchObject({ reason: "protocol" });
  // Boots that nobody knows any more are no lie.
  const old = await dial(house);
  old.say(welcome("collector", 10, [{ bootID: "f".repeat(32), seq: 99 }]));
  expect((await old.next("records")).records[0]).toMatchObject({ seq: 1 });
});

it("believes a collector that has more of an earlier boot than that brought to its disk", async () => {
  const first = await openHouse();
  await first.close();
  const second = await openHouse({ directory: first.directory });
  expect(second.journal.backlog().map(({ bootID }) => bootID)).toEqual([first.journal.bootID, second.journal.bootID]);
  const peer = await dial(second);
  peer.say(welcome("collector", 10, [{ bootID: first.journal.bootID, seq: first.journal.lastSeq + 500 }]));
  expect(await peer.next("records")).toMatchObject({ bootID: second.journal.bootID, records: [{ seq: 1 }] });
  expect(second.journal.backlog().map(({ bootID }) => bootID)).toEqual([second.journal.bootID]);
});

it("ends a message that is too long, and one that never ends", async () => {
  const house = await openHouse();
  const peer = await dial(house);
  peer.say(welcome("observer", 0));
  peer.socket.send(" ".repeat(4_194_305));
  const [code] = (await peer.closed) as [number];
  expect(code).toBe(1009);
  const other = await dial(house);
  other.say(welcome("observer", 0));
  const gone = once(other.socket, "close");
  for (let many = 0; many < 80; many++) other.socket.send("x".repeat(65_536), { fin: false });
  expect(((await gone) as [number])[0]).toBe(1009);
});

it("stands bytes that are no frames, and messages that are nearly right", async () => {
  const house = await openHouse();
  const random = randomBelow(11);
  const head = [
    "GET /ws HTTP/1.1",
    "Host: localhost",
    `Authorization: Bearer ${TOKEN}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${btoa("0123456789abcdef")}`,
  ];
  const noise = Array.from({ length: 100 }, async () => {
    const socket = connect(house.port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => {}).resume();
    const bytes = Buffer.from(Array.from({ length: 1 + random(200) }, () => random(256)));
    // Some of it comes in one piece with the request.
    socket.end(Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), bytes]));
    await once(socket, "close");
  });
  const right = [
    welcome("collector", 10),
    { type: "credit", records: 5 },
    { type: "ack", bootID: house.journal.bootID, seq: 1 },
    { type: "call", id: 1, name: "process.list", params: {} },
  ].map((message) => JSON.stringify(message));
  const nearly = Array.from({ length: 100 }, async () => {
    const peer = await dial(house);
    for (const text of right) {
      const at = random(text.length);
      peer.socket.send(
        random(2) === 0 ? text : text.slice(0, at) + String.fromCodePoint(random(0x250)) + text.slice(at + random(3)),
      );
    }
    peer.socket.close();
    await peer.closed;
  });
  await Promise.all([...noise, ...nearly]);
  const other = await dial(house);
  other.say(welcome("observer", 0));
  other.say({ type: "call", id: 1, name: "supervisor.info", params: {} });
  expect((await other.next("result")).result).toMatchObject({ worker: "worker" });
});

it("does not wait for a welcome for ever", async () => {
  const house = await openHouse({ limits: { welcomeMs: 50 } });
  const peer = await dial(house);
  expect(await peer.next("bye")).toMatchObject({ reason: "protocol", message: expect.stringContaining("50 ms") });
  await peer.closed;
});

it("cuts off a peer that vanished, and one that reads nothing, but not one that is only slow", async () => {
  const pipe = { roomBytes: 65_536, fullBytes: 262_144, pingMs: 50, deadMs: 500 };
  const house = await openHouse({ limits: { pipe } });
  await house.instances.start(shell("flood", "seq -f '%.0f 0123456789012345678901234567890123456789' 1 300000"));
  const deaf = await dial(house);
  await deaf.next("hello");
  deaf.say(welcome("collector", 1_000_000));
  await expect.poll(() => house.monitor.linked, { timeout: 10_000 }).toBe(true);
  deaf.socket.pause();
  // It cannot be told, but it is let go of.
  await expect.poll(() => house.monitor.linked, { timeout: 10_000 }).toBe(false);
  const slow = await dial(house);
  slow.say(welcome("collector", 1_000_000));
  const startedAtMs = performance.now();
  let records = 0;
  while (performance.now() - startedAtMs < 1_500) {
    const batch = await slow.next("records");
    records += batch.records.length;
    slow.say({ type: "ack", bootID: batch.bootID, seq: batch.records.at(-1)?.seq });
    slow.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 100));
    slow.socket.resume();
  }
  expect(records).toBeGreaterThan(0);
  expect(house.monitor.linked).toBe(true);
});

it("does not read from who does not read: answers to it stay bounded", async () => {
  const house = await openHouse();
  await house.instances.start(shell("flood", "seq -f '%.0f 0123456789012345678901234567890123456789' 1 30000"));
  await house.instances.wait("flood", "stopped", 20_000);
  const peer = await dial(house);
  peer.say(welcome("observer", 0));
  await peer.next("hello");
  peer.socket.pause();
  const before = process.memoryUsage().rss;
  // Each answer is of several megabytes; all of them together would be of hundreds.
  for (let id = 1; id <= 80; id++) peer.say({ type: "call", id, name: "logs.get", params: { limit: 30_000 } });
  const other = await dial(house);
  other.say(welcome("observer", 0));
  for (let id = 1; id <= 50; id++) {
    other.say({ type: "call", id, name: "supervisor.info", params: {} });
    await other.next("result");
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1_048_576);
  // It has lost nothing by it: as it reads, its calls are taken.
  peer.socket.resume();
  const answers = new Set<number>();
  while (answers.size < 80) {
    await new Promise((resolve) => setImmediate(resolve));
    for (const message of peer.messages.splice(0)) {
      if (message.type === "result" || message.type === "failure") answers.add(message.id);
    }
  }
});

it("keeps to a number of sessions", async () => {
  const house = await openHouse({ limits: { welcomeMs: 60_000 } });
  const peers = [];
  for (let many = 0; many < 65; many++) peers.push(await dial(house));
  expect(await peers.at(-1)?.next("bye")).toMatchObject({ message: expect.stringContaining("64 sessions") });
  await peers.at(-1)?.closed;
  peers[0]?.socket.close();
  await peers[0]?.closed;
  await expect
    .poll(
      async () => {
        const again = await dial(house);
        again.say(welcome("observer", 0));
        again.say({ type: "call", id: 1, name: "supervisor.info", params: {} });
        return Promise.race([again.next("result"), again.next("bye")]);
      },
      { timeout: 10_000 },
    )
    .toMatchObject({ type: "result" });
});

it("tells its sessions when it stops", async () => {
  const house = await openHouse();
  const peer = await dial(house);
  peer.say(welcome("collector", 100));
  await peer.next("records");
  const closing = house.close();
  expect(await peer.next("bye")).toMatchObject({ reason: "stopping" });
  await peer.closed;
  await closing;
});
