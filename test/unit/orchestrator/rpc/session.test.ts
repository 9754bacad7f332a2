import { RpcSession, type RpcStub } from "capnweb";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Entry, LogEntry } from "../../../../src/model/entry.ts";
import { NovaError } from "../../../../src/model/errors.ts";
import type { Feed, FeedPart } from "../../../../src/orchestrator/feed.ts";
import type { Operations } from "../../../../src/orchestrator/operations.ts";
import type { TerminalSocket } from "../../../../src/orchestrator/ports.ts";
import type { RPCSource } from "../../../../src/orchestrator/rpc/calls.ts";
import type { LogItem } from "../../../../src/orchestrator/rpc/monitoring-ops.ts";
import type { ContainerMonitoringOps } from "../../../../src/orchestrator/rpc/rpc-target.ts";
import { openRPC } from "../../../../src/orchestrator/rpc/session.ts";
import { byteStream } from "../../../../src/orchestrator/rpc/streams.ts";

const line = (position: number, text: string): LogEntry => ({
  kind: "log",
  position,
  atMs: 1000,
  worker: "worker",
  container: "box",
  instance: "web",
  group: null,
  run: null,
  bootID: "a".repeat(32),
  seq: position,
  stream: "stdout",
  level: null,
  text,
});
const entries = (some: readonly Entry[]): FeedPart => ({
  kind: "entries",
  entries: some,
  position: some.at(-1)?.position ?? 0,
  text: () => JSON.stringify(some),
});

type Following = (signal: AbortSignal) => AsyncIterable<FeedPart>;

interface Sources {
  readonly following?: Following;
  readonly answer?: (name: string) => Promise<unknown>;
  readonly quietMs?: number;
}

/** A source with nothing kept, whose followed logs are what the test says. */
function sourceOf({ following, answer, quietMs }: Sources): RPCSource & { readonly logged: string[] } {
  const logged: string[] = [];
  const log = (_: object, message: string): void => void logged.push(message);
  const empty = { items: [], first: null, last: null, more: false };
  const call = (name: string): Promise<unknown> => answer?.(name) ?? Promise.resolve(empty);
  const feed: Feed = { position: 0, follow: (_, __, signal) => following?.(signal) ?? (async function* () {})() };
  return {
    feed,
    operations: { call, callUnknown: call } as unknown as Operations,
    store: { processes: () => Promise.resolve([{ worker: "worker", container: "box" }]) } as unknown as RPCSource["store"],
    links: {} as RPCSource["links"],
    logger: { info: log, warn: log, error: log },
    logged,
    ...(quietMs === undefined ? {} : { quietMs }),
  };
}

/** Both ends of a connection, of which the house's side sends as fast as the test lets it. */
class Wire implements TerminalSocket {
  /** Nothing of the house's gets out. */
  isStuck = false;
  isPaused = false;
  closed: readonly [number, string] | null = null;
  readonly stuck: string[] = [];
  #listener: Parameters<TerminalSocket["listen"]>[0] | null = null;
  readonly #toClient: string[] = [];
  #wake: () => void = () => undefined;

  get bufferedBytes(): number {
    return this.stuck.reduce((sum, message) => sum + message.length, 0);
  }

  send(message: string | Uint8Array): void {
    this.stuck.push(String(message));
    if (!this.isStuck) this.flow();
  }

  flow(): void {
    this.isStuck = false;
    this.#toClient.push(...this.stuck.splice(0));
    this.#wake();
    this.#listener?.drained();
  }

  async receive(): Promise<string> {
    for (;;) {
      const message = this.#toClient.shift();
      if (message !== undefined) return message;
      if (this.closed) throw new Error("closed");
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  close(code: number, reason: string): void {
    this.closed = [code, reason];
    this.#wake();
  }

  listen(listener: Parameters<TerminalSocket["listen"]>[0]): void {
    this.#listener = listener;
  }

  /** From the client. */
  hear(message: string): void {
    this.#listener?.message(message);
  }

  leave(): void {
    this.closed = [1005, ""];
    this.#wake();
    this.#listener?.closed(1005, "");
  }
}

interface Opened {
  readonly ops: RpcStub<ContainerMonitoringOps>;
  readonly wire: Wire;
  readonly session: ReturnType<typeof openRPC>;
}

function open(source: RPCSource): Opened {
  const wire = new Wire();
  const session = openRPC(wire, source, { name: "test", role: "admin" });
  const client = new RpcSession<ContainerMonitoringOps>({
    send: (message: string) => Promise.resolve(wire.hear(message)),
    receive: () => wire.receive(),
  });
  const ops = client.getRemoteMain();
  onTestFinished(() => ops[Symbol.dispose]());
  return { ops, wire, session };
}

describe("a session of Cap'n Web", () => {
  test("asks for no more than a reader takes", async () => {
    let asked = 0;
    let ended = false;
    const following: Following = async function* (signal) {
      try {
        while (!signal.aborted) {
          asked += 1;
          yield entries([line(asked, "x".repeat(10_000))]);
        }
      } finally {
        ended = true;
      }
    };
    const { ops, wire } = open(sourceOf({ following }));
    const stream = await ops.getLogs("web", { follow: true });
    const reader = stream.getReader();
    await reader.read();
    await settled(() => asked);
    // What Cap'n Web lets be under way before a reader takes it: 256 KiB at first.
    const unread = asked;
    expect(unread).toBeLessThan(200);
    wire.isStuck = true;
    for (let index = 0; index < 60; index += 1) await Promise.race([reader.read(), settled(() => asked)]);
    await settled(() => asked);
    expect(wire.bufferedBytes).toBeLessThan(1_300_000);
    wire.flow();
    await reader.read();
    await reader.cancel();
    wire.leave();
    await settled(() => asked);
    expect(ended).toBe(true);
  });

  test("gives lines, gaps, and at last why a stream broke off", async () => {
    const gap = { kind: "gap", reason: "slow reader", after: 1, upTo: 9, entries: 8 } as const;
    const following: Following = async function* () {
      yield entries([line(1, "one")]);
      yield { kind: "live", position: 1 };
      yield gap;
      yield entries([]);
      throw new NovaError("STORE_LOCKED", "the database is held");
    };
    const source = sourceOf({ following });
    const { ops } = open(source);
    const stream = await ops.getLogs("web", { follow: true });
    const found: LogItem[] = [];
    for await (const item of stream) found.push(item);
    expect(found).toEqual([
      line(1, "one"),
      { kind: "live", position: 1 },
      gap,
      { kind: "failure", problem: expect.objectContaining({ code: "STORE_LOCKED", status: 503 }) },
    ]);
    expect(source.logged).toEqual(["what was followed over RPC broke off"]);
  });

  test("notices by what a quiet stream says that its reader has gone", async () => {
    const over = Promise.withResolvers<void>();
    const following: Following = async function* (signal) {
      yield { kind: "live", position: 7 };
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      over.resolve();
    };
    const { ops } = open(sourceOf({ following, quietMs: 5 }));
    const reader = (await ops.getLogs("web", { follow: true })).getReader();
    expect((await reader.read()).value).toEqual({ kind: "live", position: 7 });
    expect((await reader.read()).value).toEqual({ kind: "live", position: 7 });
    await reader.cancel();
    await over.promise;
  });

  test("ends what it does when the client goes, and when the house says so", async () => {
    const over = Promise.withResolvers<void>();
    const following: Following = async function* (signal) {
      yield { kind: "live", position: 7 };
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      over.resolve();
    };
    const first = open(sourceOf({ following }));
    const reader = (await first.ops.getLogs("web", { follow: true })).getReader();
    await reader.read();
    const broken = reader.closed.catch(() => "broken");
    first.wire.leave();
    await Promise.all([over.promise, first.session.ended]);
    expect(await broken).toBe("broken");

    const second = open(sourceOf({}));
    second.session.end("access", "The token was removed.");
    await second.session.ended;
    expect(second.wire.closed).toEqual([1008, "The token was removed."]);
  });

  test("takes so many calls and streams at once, and lets a caller wait who does not read", async () => {
    const waiting = Promise.withResolvers<unknown>();
    const { ops, wire } = open(sourceOf({ answer: () => waiting.promise }));
    const calls = Array.from({ length: 65 }, () => ops.getProcessStatus("web").then(() => null, codeOf));
    expect(await calls[64]).toBe("REQUEST_INVALID");
    waiting.resolve({});
    expect(await Promise.all(calls.slice(0, 64))).toEqual(Array.from({ length: 64 }, () => null));

    const streams = open(
      sourceOf({
        following: async function* (signal) {
          yield { kind: "live", position: 0 };
          await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
        },
      }),
    );
    for (let index = 0; index < 64; index += 1) await streams.ops.getLogs("web", { follow: true });
    expect(await streams.ops.getLogs("web", { follow: true }).then(() => null, codeOf)).toBe("REQUEST_INVALID");
    streams.wire.leave();

    wire.isStuck = true;
    const large = open(sourceOf({ answer: () => Promise.resolve({ text: "x".repeat(100_000) }) }));
    large.wire.isStuck = true;
    for (let index = 0; index < 1000; index += 1) void ops.getProcessStatus("web").catch(() => undefined);
    for (let index = 0; index < 1000; index += 1) void large.ops.getProcessStatus("web").catch(() => undefined);
    await settled(() => large.wire.bufferedBytes);
    expect(large.wire.isPaused).toBe(true);
    expect(large.wire.bufferedBytes).toBeLessThan(64 * 100_000 + 2_000_000);
    large.wire.leave();
  });

  test("tells nothing of what went wrong inside, and hangs up on what is no Cap'n Web", async () => {
    const source = sourceOf({ answer: () => Promise.reject(new TypeError("the secret is hunter2")) });
    const { ops, wire, session } = open(source);
    const error = await ops.getProcessStatus("web").then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: "INTERNAL", status: 500, message: expect.not.stringContaining("hunter2") });
    expect(source.logged).toEqual(["a call over RPC failed"]);
    wire.hear("{nonsense");
    await session.ended;
    expect(wire.closed?.[0]).toBe(1008);
  });
});

test("a byte stream is NDJSON, for readers with and without buffers of their own", async () => {
  const parts = () => ({
    parts: (async function* () {
      yield entries([line(1, "ö"), line(2, "two")]);
      yield { kind: "live", position: 2 } as const;
    })() as AsyncIterable<never>,
    signal: new AbortController().signal,
    hangUp: () => undefined,
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    quietMs: 15_000,
    room: () => Promise.resolve(),
  });
  const wanted = [line(1, "ö"), line(2, "two"), { kind: "live", position: 2 }];
  const text = await new Response(byteStream(parts())).text();
  expect(
    text
      .trimEnd()
      .split("\n")
      .map((item) => JSON.parse(item) as unknown),
  ).toEqual(wanted);
  const reader = byteStream(parts()).getReader({ mode: "byob" });
  let buffered = "";
  for (;;) {
    const { done, value } = await reader.read(new Uint8Array(100));
    buffered += Buffer.from(value ?? new Uint8Array()).toString("latin1");
    if (done) break;
  }
  expect(Buffer.from(buffered, "latin1").toString("utf8")).toBe(text);
});

function codeOf(error: unknown): string {
  return (error as { readonly code: string }).code;
}

/** Resolves when a figure has stopped changing. */
async function settled(figure: () => number): Promise<void> {
  for (let before = -1, same = 0; same < 5;) {
    same = figure() === before ? same + 1 : 0;
    before = figure();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
