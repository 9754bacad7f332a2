import { describe, expect, it } from "vitest";
import type { ErrorGroup, WorkerRecord } from "../../../../src/model/record.ts";
import { MESSAGE_LIMIT } from "../../../../src/model/link.ts";
import type { LogAnswer } from "../../../../src/model/worker-calls.ts";
import { batchesOf } from "../../../../src/supervisor/doors/batches.ts";
import { cutErrors, cutLogs, joinErrors, joinLogs } from "../../../../src/supervisor/doors/history.ts";

const [first, second] = ["1".repeat(32), "2".repeat(32)];
const line = (bootID: string, seq: number, text = String(seq)): LogAnswer["records"][number] => ({
  bootID,
  kind: "log",
  seq,
  // The first boot was the earlier one.
  atMs: (bootID === first ? 0 : 1_000) + seq,
  instance: "app",
  stream: "stdout",
  level: null,
  text,
});
const answer = (records: LogAnswer["records"], incomplete = true): LogAnswer => ({
  origin: "container",
  bootID: second,
  records,
  incomplete,
});
const group = (count: number, lastSeenMs: number, fingerprint = "0123456789abcdef"): ErrorGroup => ({
  fingerprint,
  instance: "app",
  category: "other",
  severity: "error",
  source: "plain",
  name: "",
  message: `${count} times`,
  count,
  firstSeenMs: lastSeenMs - count,
  lastSeenMs,
  firstSeq: 1,
  lastSeq: 2,
  lines: [],
  before: [],
});

describe("an answer with the collector's history", () => {
  it("has each record once, boot after boot, the newest where there are too many", () => {
    const here = answer([line(first, 9), line(second, 1), line(second, 2)]);
    const there = { records: [line(first, 8), line(first, 9), line(second, 1)], incomplete: false };
    expect(joinLogs(here, there, { limit: 10 })).toEqual({
      origin: "orchestrator",
      bootID: second,
      records: [line(first, 8), line(first, 9), line(second, 1), line(second, 2)],
      incomplete: false,
    });
    expect(joinLogs(here, there, { limit: 2 }).records).toEqual([line(second, 1), line(second, 2)]);
    expect(joinLogs(here, there, { limit: 2, afterSeq: 0 }).records).toEqual([line(first, 8), line(first, 9)]);
  });

  it("has each error once, with the larger count and the longer time", () => {
    const here = { origin: "container" as const, groups: [group(3, 500), group(1, 400, "f".repeat(16))] };
    const joined = joinErrors(here, { groups: [group(7, 450)] }, { limit: 10 });
    expect(joined.groups).toEqual([{ ...group(3, 500), count: 7, firstSeenMs: 443 }, group(1, 400, "f".repeat(16))]);
    expect(joinErrors(here, { groups: [group(7, 450)] }, { limit: 1 }).groups).toHaveLength(1);
  });

  it("is cut to what a message holds, and says so", () => {
    const many = Array.from({ length: 200 }, (_, index) => line(second, index + 1, "é".repeat(30_000)));
    const newest = cutLogs(answer(many), { limit: 200 });
    expect(Buffer.byteLength(JSON.stringify(newest))).toBeLessThan(MESSAGE_LIMIT);
    expect(newest).toMatchObject({ cut: true });
    expect(newest.records.at(-1)?.seq).toBe(200);
    expect(newest.records.length).toBeGreaterThan(50);
    const oldest = cutLogs(answer(many), { limit: 200, afterSeq: 0 });
    expect(oldest.records[0]?.seq).toBe(1);
    expect(cutLogs(answer(many.slice(0, 3)), { limit: 200 })).not.toHaveProperty("cut");
    const groups = Array.from({ length: 300 }, () => ({ ...group(1, 1), lines: ["x".repeat(8_000), "x".repeat(8_000)] }));
    expect(cutErrors({ origin: "container", groups }).groups.length).toBeLessThan(300);
  });
});

describe("batches", () => {
  it("fit into messages, whatever their records hold", () => {
    const records: WorkerRecord[] = Array.from({ length: 100 }, (_, index) => ({
      ...strip(line(second, index + 1, "\u0001".repeat(65_536))),
      raw: "A".repeat(87_384),
    }));
    const batches = batchesOf(second, records);
    expect(batches.flatMap((batch) => batch.records)).toEqual(records);
    for (const batch of batches) expect(Buffer.byteLength(JSON.stringify(batch))).toBeLessThan(MESSAGE_LIMIT);
    expect(batchesOf(second, [])).toEqual([]);
  });

  it("tell of a record that no message holds", () => {
    const huge: WorkerRecord = {
      kind: "error",
      seq: 2,
      atMs: 5,
      instance: "app",
      group: { ...group(1, 1), lines: Array.from({ length: 200 }, () => "\u0001".repeat(8_192)) },
    };
    const before = strip(line(second, 1));
    const records = batchesOf(second, [before, huge]).flatMap((batch) => batch.records);
    expect(records[0]).toEqual(before);
    expect(records[1]).toMatchObject({ kind: "lost", seq: 2, from: 2, to: 2, reason: "bound", lines: 1 });
    expect(records).toHaveLength(2);
  });
});

function strip(kept: LogAnswer["records"][number]): WorkerRecord {
  const record: WorkerRecord & { bootID?: string } = { ...kept };
  delete record.bootID;
  return record;
}
