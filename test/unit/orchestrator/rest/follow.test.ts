import { expect, onTestFinished, test } from "vitest";
import type { LogRecord } from "../../../../src/model/record.ts";
import { openRestHouse, type RestHouse } from "../../../fixtures/rest-house.ts";

const BOOT = "0123456789abcdef0123456789abcdef";
const ndjson = { accept: "application/x-ndjson" };
const sse = { accept: "text/event-stream" };

test("a page comes as lines when that is asked", async () => {
  const house = await openRestHouse();
  await write(house, 1, 3);
  const answer = await house.ask("/api/monitoring/logs/app?limit=2", { headers: ndjson });
  expect(answer.headers.get("content-type")).toBe("application/x-ndjson");
  const lines = (await answer.text()).trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { text: string }).text)).toEqual(["line 2", "line 3"]);
});

test("followed lines begin with the page and go on without a gap or a line twice", async () => {
  const house = await openRestHouse();
  await write(house, 1, 5);
  const follower = await read(house, "/api/monitoring/logs/app?follow=true&limit=3");
  await follower.until(() => follower.texts().length === 3);
  for (let from = 6; from < 2006; from += 500) await write(house, from, 500);
  await follower.until(() => follower.texts().length === 2003);
  expect(follower.texts()).toEqual(Array.from({ length: 2003 }, (_, index) => `line ${index + 3}`));
  expect(follower.lines().filter(({ kind }) => kind === "live")).toHaveLength(1);
});

test("who comes back after a position misses nothing", async () => {
  const house = await openRestHouse();
  await write(house, 1, 50);
  const [first] = (await house.store.logs({ limit: 50 })).items;
  const follower = await read(house, `/api/monitoring/logs?follow=true&limit=10&after=${first?.position}`);
  await follower.until(() => follower.texts().length === 49);
  await write(house, 51, 1);
  await follower.until(() => follower.texts().length === 50);
  expect(follower.texts()).toEqual(Array.from({ length: 50 }, (_, index) => `line ${index + 2}`));
});

test("what the feed's filter cannot say is held as well", async () => {
  const house = await openRestHouse();
  const follower = await read(house, "/api/monitoring/logs?follow=true&contains=LINE+1&levels=warn");
  await write(house, 1, 12, "warn");
  await write(house, 13, 10, "info");
  await write(house, 100, 1, "warn");
  await follower.until(() => follower.texts().includes("line 100"));
  expect(follower.texts()).toEqual(["line 1", "line 10", "line 11", "line 12", "line 100"]);
});

test("server-sent events carry positions, and Last-Event-ID goes on from one", async () => {
  const house = await openRestHouse();
  await write(house, 1, 4);
  const events = await read(house, "/api/monitoring/entries?limit=1000", sse);
  await events.until(() => events.text().includes("event: live"));
  const entries = events
    .text()
    .split("\n\n")
    .filter((event) => event.startsWith("event: entry\nid: "));
  expect(entries).toHaveLength(4);
  const id = /id: (\d+)/.exec(entries[1] ?? "")?.[1] ?? "";
  const again = await read(house, "/api/monitoring/entries", { ...sse, "last-event-id": id });
  await again.until(() => again.text().includes("event: live"));
  expect(again.text()).not.toContain("line 2");
  expect(again.text()).toMatch(/line 3[^]*line 4/);
});

test("following ends when its reader goes, and when its token is removed", async () => {
  const house = await openRestHouse();
  const gone = await read(house, "/api/monitoring/logs?follow=true");
  await gone.until(() => gone.text().includes('"live"'));
  await gone.cancel();
  const removed = await read(house, "/api/monitoring/logs?follow=true");
  await house.told("/api/tokens/a-operator", { method: "DELETE", role: "admin" });
  await removed.ended;
  expect(house.failures).toEqual([]);
});

test("a HEAD of what can be followed opens nothing", async () => {
  const house = await openRestHouse();
  const answer = await house.ask("/api/monitoring/logs?follow=true", { method: "HEAD" });
  expect([answer.status, await answer.text()]).toEqual([200, ""]);
});

async function write(house: RestHouse, from: number, count: number, level: LogRecord["level"] = null): Promise<void> {
  const records = Array.from({ length: count }, (_, index): LogRecord => ({
    kind: "log",
    seq: from + index,
    atMs: 1000 + index,
    instance: "app",
    stream: "stdout",
    level,
    text: `line ${from + index}`,
  }));
  await house.store.keep({ worker: "shop", container: "box", bootID: BOOT, records });
}

interface Follower {
  text(): string;
  lines(): readonly { readonly kind: string; readonly text: string }[];
  texts(): readonly string[];
  /** Waits for what comes until it is so. */
  until(isSo: () => boolean): Promise<void>;
  cancel(): Promise<void>;
  readonly ended: Promise<void>;
}

async function read(house: RestHouse, path: string, headers: Readonly<Record<string, string>> = ndjson): Promise<Follower> {
  const answer = await house.ask(path, { headers });
  expect(answer.status).toBe(200);
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = "";
  let wake = (): void => {};
  const ended = (async () => {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += decoder.decode(part.value, { stream: true });
      wake();
    }
  })();
  onTestFinished(() => reader.cancel());
  const lines: Follower["lines"] = () =>
    text
      .slice(0, text.lastIndexOf("\n") + 1)
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as { kind: string; text: string });
  return {
    text: () => text,
    lines,
    texts: () =>
      lines()
        .filter(({ kind }) => kind === "log")
        .map((line) => line.text),
    until: async (isSo) => {
      while (!isSo()) await new Promise<void>((resolve) => (wake = resolve));
    },
    cancel: () => reader.cancel(),
    ended,
  };
}
