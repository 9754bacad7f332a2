import { describe, expect, test } from "vitest";
import type { Entry, EventEntry } from "../../../src/model/entry.ts";
import { entryLine, eventText, stateText, whereText } from "../../../src/model/event-text.ts";
import type { InstanceStatus } from "../../../src/model/instance.ts";
import type { ErrorGroup } from "../../../src/model/record.ts";

const status: InstanceStatus = {
  ...{ id: "api", state: "running", ready: true, pid: 12, sinceMs: 0, startedAtMs: 0, exitCode: null, signal: null },
  ...{ restarts: 0, crashLoop: false, nextStartAtMs: null, why: "", port: null, argv: ["api"] },
};
const base = { position: 1, atMs: 0, worker: "shop", container: "c", instance: "api", group: null, run: null };
const origin = { bootID: "0".repeat(32), seq: 1 };
const at = "1970-01-01T00:00:00.000Z";

describe("an event in words", () => {
  const cases: readonly (readonly [event: EventEntry["event"], text: string])[] = [
    [{ type: "instance", status }, "running (pid 12)"],
    [
      { type: "instance", status: { ...status, state: "crashed", restarts: 1, why: "exit status 1" } },
      "crashed (1 restart): exit status 1",
    ],
    [
      { type: "instance", status: { ...status, crashLoop: true, restarts: 3, why: "again" } },
      "crash loop (pid 12, 3 restarts): again",
    ],
    [{ type: "removed" }, "forgotten"],
    [{ type: "booted", version: "1.0", previous: null }, "supervisor 1.0 booted"],
    [
      { type: "booted", version: "1.0", previous: { bootID: "0".repeat(32), clean: false, lastSeq: 4 } },
      "supervisor 1.0 booted; the one before it did not end in order",
    ],
    [{ type: "stopping", why: "SIGTERM came" }, "supervisor stops: SIGTERM came"],
    [{ type: "terminal", session: "t1", what: "ended", exitCode: 3 }, "terminal t1 ended with status 3"],
    [{ type: "worker", state: "lost", why: "its door does not answer" }, "worker lost: its door does not answer"],
    [{ type: "module", module: "waha", state: "healthy", why: "" }, "module waha healthy"],
    [{ type: "message", what: "sent", message: "m1", chatJid: "local:me", why: "" }, "message m1 of local:me sent"],
    [{ type: "run", what: "settled", outcome: "timeout", why: "" }, "run settled: timeout"],
    [{ type: "run", what: "begun", outcome: null, why: "" }, "run begun"],
    [
      { type: "denied", target: "example.org:443", reason: "not on the list", count: 2 },
      "denied example.org:443, 2 times: not on the list",
    ],
    [{ type: "pool", what: "made", name: "c1" }, "container c1 made ahead"],
    [{ type: "check", broken: 1, unknown: 0, why: "" }, "contract checked: 1 broken, 0 unknown"],
    [{ type: "door", door: "terminal", healthy: false, why: "no echo came" }, "door terminal unhealthy: no echo came"],
    [{ type: "door", door: "websocket", healthy: true, why: "" }, "door websocket healthy again"],
    [{ type: "viewer", what: "opened", session: "s1", who: "ada" }, "terminal viewer opened: ada (s1)"],
    [{ type: "trouble", why: "the disk is full" }, "trouble: the disk is full"],
  ];
  test.each(cases)("%j", (event, text) => {
    expect(eventText(event)).toBe(text);
  });
});

test("a state is told in few words", () => {
  expect(stateText(status)).toBe("running");
  expect(stateText({ ...status, ready: false })).toBe("running, not ready");
  expect(stateText({ ...status, state: "crashed", crashLoop: true })).toBe("crash loop");
});

test("a place is told as commands take it", () => {
  expect(whereText(base)).toBe("shop/api");
  expect(whereText({ ...base, instance: null })).toBe("shop");
  expect(whereText({ worker: null, instance: null, group: "family", run: "0123456789abcdef" })).toBe("family:01234567");
  expect(whereText({ worker: null, instance: null, group: null, run: null })).toBe("-");
});

describe("an entry as a line", () => {
  const nasty = "a\u001b[2Jb\u202ec\rd";
  const harmless = "a\\x1b[2Jb\\x202ecd";
  const error: ErrorGroup = {
    ...{ fingerprint: "0123456789abcdef", instance: "api", source: "node" },
    ...{ name: "TypeError", message: nasty, count: 2, firstSeenMs: 0, lastSeenMs: 0, firstSeq: 1, lastSeq: 2 },
    category: "type",
    severity: "error",
    lines: [],
    before: [],
  };
  const cases: readonly (readonly [entry: Entry, line: string])[] = [
    [{ ...base, ...origin, kind: "log", stream: "stderr", level: "warn", text: nasty }, `${at} shop/api err warn  ${harmless}\n`],
    [
      { ...base, ...origin, kind: "log", stream: "stdout", level: null, text: "x", part: "begins" },
      `${at} shop/api out -     x\n`,
    ],
    [
      { ...base, ...origin, kind: "lost", reason: "rate", from: null, to: null, lines: 3, bytes: 30 },
      `${at} shop/api --- 3 lines (30 bytes) are missing: there were more than the instance may write\n`,
    ],
    [{ ...base, ...origin, kind: "error", error }, `${at} shop/api error type TypeError: ${harmless} (2)\n`],
    [
      { ...base, kind: "event", bootID: null, seq: null, event: { type: "worker", state: "lost", why: `${nasty}\nmore` } },
      `${at} shop/api worker lost: ${harmless}\\nmore\n`,
    ],
  ];
  test.each(cases)("%j is harmless and ends with its line end", (entry, line) => {
    expect(entryLine(entry)).toBe(line);
  });
});
