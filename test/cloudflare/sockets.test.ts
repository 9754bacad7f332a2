import { describe, expect, inject, test } from "vitest";
import { BoundFleet } from "../../src/cloudflare/fleet.ts";
import { socketOf } from "../../src/cloudflare/socket.ts";
import { Connection } from "../../src/workers/link/connection.ts";

// Runs in workerd. The door that breaks is a real one, outside of it.

declare const WebSocketPair: new () => { readonly 0: Accepted; readonly 1: WebSocket };

type Accepted = WebSocket & { accept(): void };

const ways = ["/broken", "/gone"] as const;

function fleet(fetch: (url: string, init: RequestInit) => Promise<Response>): BoundFleet {
  const worker = { name: "api", container: "api-box", binding: "API", tokenSecret: "TOKEN" };
  return new BoundFleet({ workers: [worker], bindings: { API: { fetch }, TOKEN: "a-token" } });
}

const broken = async (way: string): Promise<Response> =>
  await fetch(`http://127.0.0.1:${inject("brokenPort")}${way}`, { headers: { upgrade: "websocket" } });

describe("a worker that goes without a farewell", () => {
  test.each(ways)("ends its link (%s)", async (way) => {
    const dialled = await fleet(async () => await broken(way)).dial("api")(new AbortController().signal);
    const link = new Connection(dialled, { sink: null, history: null, silenceMs: 600_000, helloMs: 600_000 });
    expect(await link.ended).toMatchObject({ code: "LINK_LOST" });
  });

  test.each(ways)("ends its terminal, once (%s)", async (way) => {
    const signal = new AbortController().signal;
    const socket = await fleet(async () => await broken(way)).terminal("api", {}, null, signal);
    const closed: number[] = [];
    const first = Promise.withResolvers<void>();
    socket.listen({ message() {}, drained() {}, closed: (code) => (closed.push(code), first.resolve()) });
    await first.promise;
    socket.send("nobody is there");
    socket.close(1000, "");
    await broken(way);
    expect(closed).toEqual([1006]);
  });
});

describe("a socket", () => {
  test("hears a farewell that has no code, and answers it", async () => {
    const { 0: theirs, 1: ours } = new WebSocketPair();
    const closed = Promise.withResolvers<number>();
    socketOf(ours).listen({ message() {}, drained() {}, closed: closed.resolve });
    theirs.accept();
    const answered = new Promise<number>((resolve) => theirs.addEventListener("close", ({ code }) => resolve(code)));
    theirs.close();
    expect(await closed.promise).toBe(1005);
    expect([1000, 1005]).toContain(await answered);
  });

  test("keeps what comes while it is paused, and hangs up when that is too much", async () => {
    const { 0: theirs, 1: ours } = new WebSocketPair();
    const socket = socketOf(ours);
    const came: number[] = [];
    const closed = Promise.withResolvers<number>();
    const some = Promise.withResolvers<void>();
    socket.listen({
      message: ({ length }) => (came.push(length), some.resolve()),
      drained() {},
      closed: closed.resolve,
    });
    theirs.accept();
    const told = new Promise<number>((resolve) => theirs.addEventListener("close", ({ code }) => resolve(code)));
    socket.pause();
    theirs.send("one");
    socket.resume();
    await some.promise;
    socket.pause();
    for (let turn = 0; turn < 9; turn += 1) theirs.send("x".repeat(1_048_576));
    expect(await closed.promise).toBe(1008);
    expect(await told).toBe(1008);
    socket.resume();
    expect(came).toEqual([3]);
  });
});

describe("an answer without an end", () => {
  const endless = (): { readonly answer: Response; readonly cancelled: Promise<void> } => {
    const { promise: cancelled, resolve: cancel } = Promise.withResolvers<void>();
    const pull = (controller: ReadableStreamDefaultController): void => controller.enqueue(new Uint8Array(1024).fill(0x78));
    return { answer: new Response(new ReadableStream({ pull, cancel }), { status: 503 }), cancelled };
  };

  test("is told of by its beginning, and left", async () => {
    const one = endless();
    const health = await fleet(() => Promise.resolve(one.answer)).health("api", "terminal");
    expect(health).toMatchObject({ healthy: false, reason: expect.stringContaining('it answered 503: "xxx') });
    await one.cancelled;
    const other = endless();
    const dialled = fleet(() => Promise.resolve(other.answer)).dial("api")(new AbortController().signal);
    await expect(dialled).rejects.toMatchObject({ code: "DOOR_REFUSED", message: expect.stringContaining("503") });
    await other.cancelled;
  });
});
