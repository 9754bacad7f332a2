import { expect, test } from "vitest";
import type { LogEntry } from "../../../../src/model/entry.ts";
import { NovaError } from "../../../../src/model/errors.ts";
import type { FollowedPart } from "../../../../src/orchestrator/rest/follow.ts";
import { streamResponse, textOf } from "../../../../src/orchestrator/rest/stream.ts";

const entry: LogEntry = {
  kind: "log",
  position: 7,
  atMs: 1,
  worker: "w",
  container: "c",
  instance: "a",
  group: null,
  run: null,
  bootID: "0".repeat(32),
  seq: 1,
  stream: "stdout",
  level: null,
  text: "one\nid: 5\n\ndata: two",
};
const gap = { kind: "gap", reason: "slow reader", after: 7, upTo: 90, entries: 12 } as const;

test("parts have one line each, or one event, whatever stands in a line", () => {
  const entries: FollowedPart = { kind: "entries", entries: [entry], position: 7 };
  expect(textOf(entries, "ndjson")).toBe(`${JSON.stringify(entry)}\n`);
  expect(textOf(entries, "sse")).toBe(`event: entry\nid: 7\ndata: ${JSON.stringify(entry)}\n\n`);
  expect(textOf(gap, "ndjson")).toBe(`${JSON.stringify(gap)}\n`);
  expect(textOf(gap, "sse")).toBe(`event: gap\nid: 90\ndata: ${JSON.stringify(gap)}\n\n`);
  // Who comes back need not look again at what was not for it.
  expect(textOf({ kind: "entries", entries: [], position: 50 }, "sse")).toBe("id: 50\n\n");
  expect(textOf({ kind: "entries", entries: [], position: 50 }, "ndjson")).toBe("");
});

test("a quiet stream of events says so, and one of lines says nothing", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  async function* parts(): AsyncGenerator<FollowedPart> {
    await promise;
    yield { kind: "live", position: 3 };
  }
  const reader = bodyOf(streamResponse(parts(), "sse", new AbortController(), silent, 1)).getReader();
  expect(await next(reader)).toBe(": nothing new\n\n");
  resolve();
  let text = "";
  while (!text.includes("live")) text += await next(reader);
  expect(text.replaceAll(": nothing new\n\n", "")).toBe('event: live\nid: 3\ndata: {"kind":"live","position":3}\n\n');
  expect((await reader.read()).done).toBe(true);
});

test.each(["ndjson", "sse"] as const)("what breaks off says why as its last part (%s)", async (form) => {
  async function* parts(): AsyncGenerator<FollowedPart> {
    yield { kind: "live", position: 3 };
    await Promise.resolve();
    throw new NovaError("STORE_FULL", "the disk is full");
  }
  const logged: object[] = [];
  const logger = { ...silent, error: (facts: object) => void logged.push(facts) };
  const text = await streamResponse(parts(), form, new AbortController(), logger).text();
  expect(text).toMatch(/"live"[^]*"urn:novabot:error:STORE_FULL"/);
  expect(logged).toEqual([{ reason: "the disk is full" }]);
});

test("nothing is asked for before somebody reads, no more than is read, and nothing is left when the reader goes", async () => {
  let asked = 0;
  let isOver = false;
  async function* parts(): AsyncGenerator<FollowedPart> {
    try {
      for (;;) {
        asked += 1;
        await Promise.resolve();
        yield { kind: "live", position: asked };
      }
    } finally {
      isOver = true;
    }
  }
  const hangUp = new AbortController();
  const reader = bodyOf(streamResponse(parts(), "ndjson", hangUp, silent)).getReader();
  expect(asked).toBe(0);
  await next(reader);
  await next(reader);
  expect(asked).toBe(2);
  await reader.cancel();
  expect([hangUp.signal.aborted, isOver]).toEqual([true, true]);
});

const silent = { info: (): void => {}, warn: (): void => {}, error: (): void => {} };

function bodyOf(response: Response): ReadableStream<Uint8Array> {
  if (!response.body) throw new Error("there is no body");
  return response.body;
}

async function next(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const { value } = await reader.read();
  return new TextDecoder().decode(value);
}
