import type { InstanceStatus } from "../../../src/model/instance.ts";
import type { ErrorGroup, ErrorRecord, EventRecord, LogRecord, LostRecord, WorkerRecord } from "../../../src/model/record.ts";
import type { RunRecord } from "../../../src/model/run.ts";
import type { SourcedBatch } from "../../../src/store/store.ts";
import { runRecord } from "../../fixtures/run-record.ts";

export const bootA = "a".repeat(32);
export const bootB = "b".repeat(32);
export const START_MS = 1_700_000_000_000;

export function log(seq: number, text: string, over: Partial<LogRecord> = {}): LogRecord {
  return { kind: "log", seq, atMs: START_MS + seq, instance: "web", stream: "stdout", level: null, text, ...over };
}

export function lost(seq: number, over: Partial<LostRecord> = {}): LostRecord {
  return {
    kind: "lost",
    seq,
    atMs: START_MS + seq,
    instance: null,
    reason: "bound",
    from: 1,
    to: seq,
    lines: seq,
    bytes: 100,
    ...over,
  };
}

export function status(id: string, over: Partial<InstanceStatus> = {}): InstanceStatus {
  return {
    id,
    state: "running",
    ready: true,
    pid: 12,
    sinceMs: START_MS,
    startedAtMs: START_MS,
    exitCode: null,
    signal: null,
    restarts: 0,
    crashLoop: false,
    nextStartAtMs: null,
    why: "it was started",
    port: null,
    argv: ["node", "server.js"],
    ...over,
  };
}

export function instanceEvent(seq: number, of: InstanceStatus): EventRecord {
  return { kind: "event", seq, atMs: START_MS + seq, instance: of.id, event: { type: "instance", status: of } };
}

export function error(seq: number, over: Partial<ErrorGroup> = {}): ErrorRecord {
  const group: ErrorGroup = {
    fingerprint: "0123456789abcdef",
    instance: "web",
    category: "type",
    severity: "error",
    source: "node",
    name: "TypeError",
    message: "x is not a function",
    count: 1,
    firstSeenMs: START_MS + seq,
    lastSeenMs: START_MS + seq,
    firstSeq: seq,
    lastSeq: seq,
    lines: ["TypeError: x is not a function", "    at main (server.js:1:1)"],
    before: ["starting"],
    ...over,
  };
  return { kind: "error", seq, atMs: START_MS + seq, instance: group.instance, group };
}

export function batch(records: readonly WorkerRecord[], over: Partial<SourcedBatch> = {}): SourcedBatch {
  return { worker: "alpha", container: "alpha-1", bootID: bootA, records, ...over };
}

/** One that cost something, and was denied something. */
export function costlyRun(id: string, over: Partial<RunRecord> = {}): RunRecord {
  return runRecord(id, {
    jid: "family@local",
    agent: "claude",
    startedAt: new Date(START_MS).toISOString(),
    usage: {
      requests: 1,
      inputTokens: 10,
      outputTokens: 20,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      costUSD: 0.25,
      models: ["model"],
    },
    denied: [{ target: "example.org:443", reason: "not allowed", count: 3 }],
    ...over,
  });
}
