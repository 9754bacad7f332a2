import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import type { PeerMessage, WorkerMessage } from "../../../../src/model/link.ts";
import type { RecordBatch } from "../../../../src/model/record.ts";
import { dialFrom } from "../../../../src/workers/link/dial.ts";
import { type LinkOptions, type LinkState, openLink, type WorkerLink } from "../../../../src/workers/link/link.ts";

const BOOT = "0123456789abcdef0123456789abcdef";

/** A worker that answers as the test likes, and a link to it. */
async function hostile(
  answer: (message: PeerMessage, socket: WebSocket) => void,
  options: Partial<LinkOptions> = {},
): Promise<{ readonly link: WorkerLink; readonly trouble: Promise<string> }> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => server.close());
  server.on("connection", (socket) => {
    onTestFinished(() => socket.terminate());
    socket.on("error", () => {});
    socket.on("message", (data: Buffer) => answer(JSON.parse(data.toString()) as PeerMessage, socket));
    say(socket, {
      type: "hello",
      protocol: 1,
      version: "1",
      worker: "w",
      container: "c",
      bootID: BOOT,
      bootedAtMs: 0,
      lastSeq: 0,
      backlog: [],
      instances: [],
    });
  });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const { promise: trouble, resolve } = Promise.withResolvers<string>();
  const link = openLink({
    dial: dialFrom(() => ({ host: "127.0.0.1", port, token: "x".repeat(16) })),
    firstDelayMs: 60_000,
    ...options,
    onState: (state: LinkState) => {
      if (state.kind === "waiting") resolve(state.error.message);
    },
  });
  onTestFinished(() => link.close());
  return { link, trouble };
}

function say(socket: WebSocket, message: WorkerMessage): void {
  socket.send(JSON.stringify(message));
}

const lines = (from: number, count: number, bootID = BOOT): RecordBatch => ({
  bootID,
  records: Array.from({ length: count }, (_, index) => ({
    kind: "log",
    seq: from + index,
    atMs: 0,
    instance: "a",
    stream: "stdout",
    level: null,
    text: "x",
  })),
});

it("hangs up on a worker that sends more records than it was asked for", async () => {
  let kept = 0;
  const { trouble } = await hostile(
    (message, socket) => {
      if (message.type !== "welcome") return;
      for (let at = 0; at <= message.credit; at += 100) say(socket, { type: "records", ...lines(at + 1, 100) });
    },
    {
      sink: {
        have: async () => [],
        keep: async ({ records }) => void (await new Promise((resolve) => setTimeout(resolve, 1000)), (kept += records.length)),
      },
    },
  );
  expect(await trouble).toContain("100 records came, and 0 were asked for");
  expect(kept).toBeLessThanOrEqual(1000);
});

it("hangs up on a worker that asks on and takes no answers", async () => {
  const { trouble } = await hostile((message, socket) => {
    if (message.type !== "welcome") return;
    socket.pause();
    const call = JSON.stringify({ type: "call", id: 1, name: "x".repeat(64), params: {} });
    const flood = (): void => {
      for (let many = 0; many < 2000; many += 1) socket.send(call);
      if (socket.readyState === socket.OPEN) setImmediate(flood);
    };
    flood();
  });
  expect(await trouble).toContain("asks on and does not take the answers");
});

it("ends following a worker that says it is lost, or ends it, over and over", async () => {
  for (const answer of ["failure", "result"] as const) {
    let asked = 0;
    const { link } = await hostile((message, socket) => {
      if (message.type !== "call") return;
      asked += 1;
      if (answer === "result") say(socket, { type: "result", id: message.id, result: {} });
      else say(socket, { type: "failure", id: message.id, error: { code: "LINK_LOST", message: "lost", next: "none" } });
    });
    await expect(link.follow({}, () => {}, new AbortController().signal)).rejects.toMatchObject({
      code: answer === "result" ? "LINK_PROTOCOL" : "INTERNAL",
    });
    expect(asked).toBe(1);
  }
});

it("does not believe a worker what only this side can say", async () => {
  const codes = ["ACCESS_DENIED", "ACCESS_LIMITED", "STORE_FULL", "WORKER_NOT_FOUND", "toString", "INSTANCE_RUNNING"];
  const { link } = await hostile((message, socket) => {
    if (message.type !== "call") return;
    const code = codes[message.id % codes.length] ?? "";
    say(socket, { type: "failure", id: message.id, error: { code, message: code, next: "none" } });
  });
  for (const _ of codes) {
    const error: unknown = await link.call("supervisor.info", {}).catch((thrown: unknown) => thrown);
    const said = (error as Error).message;
    expect(error).toMatchObject({ code: said === "INSTANCE_RUNNING" ? said : "INTERNAL" });
  }
});
