import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import type { LogQuery } from "../../../../src/model/worker-calls.ts";
import type { Journal } from "../../../../src/supervisor/records/journal.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";
import { blockOfLines, numberedBlock } from "../../../fixtures/line-blocks.ts";
import { newBootID, expectRange, numbersOf, readAll, testJournal } from "../../../fixtures/records.ts";

const all = { records: 1000, bytes: 1_000_000 };

test("records are numbered from 1, the first is the boot, and times never go back", async () => {
  let now = 5_000;
  const bootID = newBootID();
  const journal = await testJournal(await temporaryDirectory(), { bootID, now: () => now });
  expect(journal.appendLines(blockOfLines(["one", "  two"], { atMs: 6_000 }))).toBe(2);
  now = 1_000;
  expect(journal.append({ kind: "event", instance: "web", event: { type: "removed" } })).toBe(4);
  expect(journal.appendLines(blockOfLines(["three"], { stream: "stderr", atMs: 500 }))).toBe(5);
  expect(
    journal.append({ kind: "lost", instance: "web", lost: { reason: "rate", from: null, to: null, lines: 3, bytes: 9 } }),
  ).toBe(6);
  expect(journal.lastSeq).toBe(6);
  expect(await journal.read(bootID, 0, all)).toEqual([
    { kind: "event", seq: 1, atMs: 5_000, instance: null, event: { type: "booted", version: "1.2.3", previous: null } },
    { kind: "log", seq: 2, atMs: 6_000, instance: "web", stream: "stdout", level: null, text: "one" },
    { kind: "log", seq: 3, atMs: 6_000, instance: "web", stream: "stdout", level: null, text: "  two" },
    { kind: "event", seq: 4, atMs: 6_000, instance: "web", event: { type: "removed" } },
    { kind: "log", seq: 5, atMs: 6_000, instance: "web", stream: "stderr", level: null, text: "three" },
    { kind: "lost", seq: 6, atMs: 6_000, instance: "web", reason: "rate", from: null, to: null, lines: 3, bytes: 9 },
  ]);
  expect(await journal.read(bootID, 2, { records: 2, bytes: 1_000_000 })).toMatchObject([{ seq: 3 }, { seq: 4 }]);
  expect(await journal.read(bootID, 2, { records: 100, bytes: 1 })).toMatchObject([{ seq: 3 }]);
  expect(await journal.read(bootID, 6, all)).toEqual([]);
  expect(await journal.read(newBootID(), 0, all)).toEqual([]);
});

test("a long line's parts, an unended line and bytes that are no text come back as they were, from memory and from disk", async () => {
  const directory = await temporaryDirectory();
  const bootID = newBootID();
  const journal = await testJournal(directory, { bootID });
  const block = (bytes: Buffer, goesOn: boolean, continues: boolean): void => {
    const common = { instance: "web", stream: "stdout", atMs: Date.now() } as const;
    journal.appendLines({ ...common, bytes, ends: Uint32Array.of(bytes.length), goesOn, continues });
  };
  block(Buffer.alloc(65_536, "a"), false, true);
  block(Buffer.alloc(65_536, "b"), true, true);
  block(Buffer.from("c\n"), true, false);
  block(Buffer.from([0x61, 0xff, 0x1b, 0x5b, 0x31, 0x6d, 0x62]), false, false);
  const written = await readAll(journal, bootID, 1);
  expect(written).toMatchObject([
    { part: "begins", text: "a".repeat(65_536) },
    { part: "goes on", text: "b".repeat(65_536) },
    { part: "ends", text: "c" },
    { unended: true, raw: Buffer.from("a\xff\x1b[1mb", "latin1").toString("base64") },
  ]);
  await journal.close();
  expect(await readAll(await testJournal(directory), bootID, 1)).toEqual(written);
});

test("the bytes of a block may be used again at once", async () => {
  const bootID = newBootID();
  const journal = await testJournal(await temporaryDirectory(), { bootID });
  const block = blockOfLines(["one"]);
  journal.appendLines(block);
  block.bytes.fill("x");
  block.ends.fill(0);
  expect(await journal.read(bootID, 1, all)).toMatchObject([{ text: "one" }]);
});

test("what is too large for the journal is told as lost, and takes a number", async () => {
  const bootID = newBootID();
  const journal = await testJournal(await temporaryDirectory(), { bootID });
  expect(journal.appendLines(blockOfLines(["x".repeat(5_000_000)]))).toBe(2);
  expect(await journal.read(bootID, 1, all)).toMatchObject([{ kind: "lost", reason: "bound", lines: 1, bytes: 5_000_001 }]);
});

test("listeners are called once for all that one turn appended, and no more when they end", async () => {
  const journal = await testJournal(await temporaryDirectory());
  let calls = 0;
  const end = journal.onAppend(() => calls++);
  journal.appendLines(blockOfLines(["one"]));
  journal.appendLines(blockOfLines(["two"]));
  expect(calls).toBe(0);
  await delay(1);
  expect(calls).toBe(1);
  end();
  journal.appendLines(blockOfLines(["three"]));
  await delay(1);
  expect(calls).toBe(1);
});

test("the backlog begins after what was acknowledged; nobody can acknowledge what is not there, or take it back", async () => {
  const bootID = newBootID();
  const journal = await testJournal(await temporaryDirectory(), { bootID });
  journal.appendLines(numberedBlock(journal, 9));
  expect(journal.backlog()).toEqual([{ bootID, firstSeq: 1, lastSeq: 10 }]);
  expect((await journal.stats()).acknowledgedSeq).toBeNull();
  journal.acknowledge(bootID, 4);
  journal.acknowledge(bootID, 2);
  journal.acknowledge(newBootID(), 9);
  expect(journal.backlog()).toEqual([{ bootID, firstSeq: 5, lastSeq: 10 }]);
  journal.acknowledge(bootID, Number.MAX_SAFE_INTEGER);
  expect(journal.backlog()).toEqual([]);
  expect((await journal.stats()).acknowledgedSeq).toBe(10);
  journal.appendLines(numberedBlock(journal, 1));
  expect(journal.backlog()).toEqual([{ bootID, firstSeq: 11, lastSeq: 11 }]);
});

test.each([
  ["memory", 16 * 1_048_576],
  ["disk", 1_048_576],
])("all records can be read one after the other, mostly from %s", async (_, memoryBytes) => {
  const bootID = newBootID();
  const journal = await testJournal(await temporaryDirectory(), { bootID, memoryBytes });
  while (journal.lastSeq < 60_000) {
    journal.appendLines(numberedBlock(journal, 1 + (journal.lastSeq % 600)));
    if (journal.lastSeq % 7 === 0) journal.append({ kind: "event", instance: "web", event: { type: "removed" } });
    await journal.room();
  }
  expectRange(numbersOf(await readAll(journal, bootID)), 1, journal.lastSeq);
  const some = numbersOf(await readAll(journal, bootID, 31_234, 77));
  expect(some).toHaveLength(journal.lastSeq - 31_234);
  expectRange(some, 31_235, journal.lastSeq);
});

async function filled(): Promise<{ journal: Journal; bootID: string; ask(query: Partial<LogQuery>): Promise<string[]> }> {
  const bootID = newBootID();
  const journal = await testJournal(await temporaryDirectory(), { bootID, memoryBytes: 1_048_576, now: () => 1 });
  for (let index = 0; index < 400; index++) {
    const atMs = 10 + index;
    const padding = ".".repeat(4_000);
    journal.appendLines(blockOfLines([`web ${index} Straße ${padding}`, `{"level":50,"msg":"no ${index}"}`], { atMs }));
    journal.appendLines(blockOfLines([`api ${index} \u001b[31mred\u001b[0m words`], { instance: "api", stream: "stderr", atMs }));
    await journal.room();
  }
  const ask = async (query: Partial<LogQuery>): Promise<string[]> => {
    const { records, incomplete, origin } = await journal.query({ limit: 100, ...query });
    expect({ incomplete, origin }).toEqual({ incomplete: false, origin: "container" });
    for (const record of records) expect(record.bootID).toBe(bootID);
    return records.map((record) => (record.kind === "log" ? record.text.replace(/ Straße \.+/, "") : record.kind));
  };
  return { journal, bootID, ask };
}

test("a query gives the newest, or the first after a number, and can name instances, streams, levels, times and words", async () => {
  const { ask, bootID } = await filled();
  expect(await ask({ limit: 4 })).toEqual(["api 398 red words", "web 399", '{"level":50,"msg":"no 399"}', "api 399 red words"]);
  expect(await ask({ instances: ["web"], streams: ["stdout"], limit: 2 })).toEqual(["web 399", '{"level":50,"msg":"no 399"}']);
  expect(await ask({ instances: ["web"], streams: ["stderr"] })).toEqual([]);
  expect(await ask({ instances: ["none"] })).toEqual([]);
  expect(await ask({ levels: ["error"], limit: 2 })).toEqual(['{"level":50,"msg":"no 398"}', '{"level":50,"msg":"no 399"}']);
  expect(await ask({ levels: ["fatal"] })).toEqual([]);
  expect(await ask({ sinceMs: 15, untilMs: 16, instances: ["api"] })).toEqual(["api 5 red words", "api 6 red words"]);
  expect(await ask({ untilMs: 11, limit: 2 })).toEqual(['{"level":50,"msg":"no 1"}', "api 1 red words"]);
  expect(await ask({ contains: "API 17 RED" })).toEqual(["api 17 red words"]);
  expect(await ask({ contains: "web 17 straSSE" })).toEqual([]);
  expect(await ask({ contains: "web 17 STRAßE" })).toEqual(["web 17"]);
  expect(await ask({ contains: "NO 37" })).toHaveLength(11);
  expect(await ask({ afterSeq: 3, limit: 2 })).toEqual(["api 0 red words", "web 1"]);
  expect(await ask({ afterSeq: 3, limit: 2, contains: "api", bootID })).toEqual(["api 0 red words", "api 1 red words"]);
  expect(await ask({ afterSeq: 1_199, untilMs: 500 })).toEqual(['{"level":50,"msg":"no 399"}', "api 399 red words"]);
  expect(await ask({ afterSeq: 5_000 })).toEqual([]);
  expect(await ask({ limit: 100_000 })).toHaveLength(1_200);
  expect(await ask({ limit: 100_000, bootID })).toHaveLength(1_200);
});

test("a boot that is not here is an answer that says so", async () => {
  const { journal, bootID } = await filled();
  expect(await journal.query({ limit: 5, bootID: newBootID() })).toEqual({
    origin: "container",
    bootID,
    records: [],
    incomplete: true,
  });
});

test("summaries and stats count lines, bytes and levels by instance", async () => {
  const { journal } = await filled();
  const bytes = Array.from({ length: 400 }, (_, index) =>
    Buffer.byteLength(`api ${index} \u001b[31mred\u001b[0m words\n`),
  ).reduce((a, b) => a + b);
  const api = { instance: "api", lines: 400, bytes, firstAtMs: 10, lastAtMs: 409 };
  expect(journal.summaries()).toMatchObject([{ instance: "web", lines: 800, firstAtMs: 10, lastAtMs: 409 }, api]);
  const none = { trace: 0, debug: 0, info: 0, warn: 0, error: 0, fatal: 0, none: 0 };
  for (let again = 0; again < 2; again++) {
    const [some, everything] = await Promise.all([journal.stats(["api"]), journal.stats()]);
    expect(some.instances).toEqual([{ ...api, levels: { ...none, none: 400 } }]);
    expect(everything.instances[0]?.levels).toEqual({ ...none, none: 400, error: 400 });
    expect(everything).toMatchObject({ bootID: journal.bootID, firstSeq: 1, lastSeq: 1_201, lost: { records: 0, bytes: 0 } });
    expect(everything.diskBytes).toBeGreaterThan(1_000_000);
    expect(everything.memoryBytes).toBeGreaterThan(0);
  }
});

test("what is cleared is shown no more and still read by who collects", async () => {
  const { journal, bootID, ask } = await filled();
  expect(journal.clear(["api"])).toBe(400);
  expect(journal.clear(["api"])).toBe(0);
  expect(await ask({ limit: 2 })).toEqual(["web 399", '{"level":50,"msg":"no 399"}']);
  journal.appendLines(blockOfLines(["new"], { instance: "api" }));
  expect(await ask({ instances: ["api"] })).toEqual(["new"]);
  expect(journal.summaries()).toMatchObject([
    { instance: "web", lines: 800 },
    { instance: "api", lines: 1 },
  ]);
  expect(journal.clear()).toBe(801);
  expect(await ask({})).toEqual([]);
  expect(journal.summaries()).toEqual([]);
  expect((await journal.stats()).instances).toEqual([]);
  expectRange(numbersOf(await readAll(journal, bootID)), 1, 1_202);
});
