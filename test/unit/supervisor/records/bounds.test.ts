import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { Journal } from "../../../../src/supervisor/records/journal.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";
import { numberedBlock } from "../../../fixtures/line-blocks.ts";
import { newBootID, expectRange, numbersOf, readAll, testJournal } from "../../../fixtures/records.ts";

const MEBIBYTE = 1_048_576;
const isRoot = process.getuid?.() === 0;

async function write(journal: Journal, bytes: number): Promise<void> {
  for (let written = 0; written < bytes; written += 60_000) {
    journal.appendLines(numberedBlock(journal, 600));
    await journal.room();
  }
}

async function bytesIn(directory: string): Promise<number> {
  const names = await readdir(directory);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size));
  return sizes.reduce((a, b) => a + b, 0);
}

test("files stay within their bound, the oldest go, and a record tells of them", async () => {
  const directory = await temporaryDirectory();
  const bootID = newBootID();
  const limits = { memoryBytes: MEBIBYTE, diskBytes: 8 * MEBIBYTE };
  const journal = await testJournal(directory, { bootID, ...limits });
  for (let round = 0; round < 10; round++) {
    await write(journal, 2 * MEBIBYTE);
    expect(await bytesIn(directory)).toBeLessThan(8.1 * MEBIBYTE);
  }
  // What is still being written may push out more.
  await journal.close();
  const records = await readAll(journal, bootID);
  const [lost, ...rest] = records;
  expect(lost).toMatchObject({ kind: "lost", reason: "bound", from: 1, instance: null });
  if (lost?.kind !== "lost") throw new Error("the first record tells of no loss");
  expect(lost.bytes).toBeGreaterThan(lost.lines * 98);
  // The first record, of the boot, is a little longer than a line.
  expect(lost.bytes).toBeLessThanOrEqual(lost.lines * 100 + 100);
  expectRange(numbersOf(rest), (lost.to ?? 0) + 1, journal.lastSeq);
  // Six of twenty MiB are the least that has to be there.
  expect(rest.length).toBeGreaterThan(60_000);
  const stats = await journal.stats();
  expect(stats.lost).toEqual({ records: lost.lines, bytes: lost.bytes });
  expect(stats.firstSeq).toBe((lost.to ?? 0) + 1);
  expect(stats.diskBytes).toBeLessThan(8 * MEBIBYTE);
  const answer = await journal.query({ limit: 100_000 });
  expect(answer.incomplete).toBe(true);
  expect((await journal.query({ limit: 10 })).incomplete).toBe(false);
  expect((await journal.query({ limit: 10, afterSeq: 1 })).incomplete).toBe(true);

  const next = await testJournal(directory, limits);
  expect((await readAll(next, bootID))[0]).toEqual(lost);
  expect(next.backlog()[0]).toEqual({ bootID, firstSeq: 1, lastSeq: journal.lastSeq });
});

test("what is acknowledged goes first, although it is newer, and is no loss", async () => {
  const directory = await temporaryDirectory();
  const [first, second] = [newBootID(), newBootID()];
  const limits = { memoryBytes: MEBIBYTE, diskBytes: 8 * MEBIBYTE };
  const one = await testJournal(directory, { bootID: first, ...limits });
  await write(one, 4 * MEBIBYTE);
  await one.close();
  const two = await testJournal(directory, { bootID: second, ...limits });
  for (let round = 0; round < 10; round++) {
    await write(two, MEBIBYTE);
    two.acknowledge(second, two.lastSeq);
  }
  expectRange(numbersOf(await readAll(two, first)), 1, one.lastSeq);
  expect((await two.stats()).lost).toEqual({ records: 0, bytes: 0 });
  const answer = await two.query({ limit: 1_000_000, instances: ["none"] });
  expect(answer).toMatchObject({ records: [], incomplete: true });
});

test("one that goes on although it was told to wait loses the oldest, and is told", async () => {
  const bootID = newBootID();
  const journal = await testJournal(await temporaryDirectory(), { bootID, memoryBytes: MEBIBYTE });
  for (let block = 0; block < 100; block++) journal.appendLines(numberedBlock(journal, 600));
  expect(journal.full).toBe(true);
  expect((await journal.stats()).memoryBytes).toBeLessThan(1.1 * MEBIBYTE);
  await journal.room();
  const records = await readAll(journal, bootID);
  expect(records.filter(({ kind }) => kind === "lost")).toMatchObject([{ reason: "bound" }]);
  expect(records.at(-1)?.seq).toBe(60_001);
  numbersOf(records);
});

// Only root can mount a file system of a few pages.
test.runIf(isRoot)("a full disk costs the oldest, is told once, and is used again when there is room", async () => {
  const directory = await mkdtemp(join(tmpdir(), "novabot-test-full-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", directory]);
  onTestFinished(async () => {
    execFileSync("umount", [directory]);
    await rm(directory, { recursive: true });
  });
  const bootID = newBootID();
  const told: string[] = [];
  const records = join(directory, "records");
  const journal = await testJournal(records, {
    bootID,
    memoryBytes: 2 * MEBIBYTE,
    writeAfterMs: 100,
    onTrouble: (message) => told.push(message),
  });

  // Alone on a small disk, the journal makes room by itself.
  await write(journal, 20 * MEBIBYTE);
  expect(told).toEqual([]);
  await expect.poll(async () => (await journal.stats()).memoryBytes).toBeLessThan(100_000);
  const alone = await readAll(journal, bootID);
  expect(alone[0]).toMatchObject({ kind: "lost", from: 1 });
  expectRange(numbersOf(alone.slice(1)), (alone[0]?.seq ?? 0) + 1, journal.lastSeq);
  expect(alone.length).toBeGreaterThan(50_000);

  // Somebody else takes the rest of it, and every byte that becomes free.
  const greedy = async (): Promise<void> =>
    writeFile(join(directory, "theirs"), "x".repeat(65_536), { flag: "a" }).then(greedy, () => undefined);
  const before = journal.lastSeq;
  for (let round = 0; round < 200 && told.length === 0; round++) {
    await greedy();
    await write(journal, 120_000);
  }
  await write(journal, 4 * MEBIBYTE);
  expect(told).toHaveLength(1);
  expect(told[0]).toContain("ENOSPC");
  expect(journal.full).toBe(false);
  const full = await readAll(journal, bootID, before);
  expect(full.at(-1)?.seq).toBe(journal.lastSeq);
  expect(full.some((record) => record.kind === "lost" && record.reason === "disk")).toBe(true);
  numbersOf(full);
  expect((await journal.stats()).lost.records).toBeGreaterThan(0);

  await rm(join(directory, "theirs"));
  await expect.poll(() => told.length, { timeout: 10_000 }).toBe(2);
  expect(told[1]).toBe("the disk takes records again");
  await write(journal, MEBIBYTE);
  const whole = await readAll(journal, bootID, before);
  await journal.close();
  const next = await testJournal(records);
  expect(await readAll(next, bootID, before)).toEqual(whole);
  expect(next.backlog()[0]).toMatchObject({ bootID, firstSeq: 1, lastSeq: journal.lastSeq });
});

test.each(["a file in its place", "no right to write"])("without a directory (%s), the newest stay in memory", async (why) => {
  if (why === "no right to write" && !isRoot) return;
  const parent = await temporaryDirectory();
  const directory = join(parent, "data", "records");
  await mkdir(join(parent, "data"));
  if (why === "no right to write") {
    await mkdir(directory);
    execFileSync("mount", ["-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", directory]);
    onTestFinished(() => void execFileSync("umount", ["-l", directory]));
  } else await writeFile(directory, "theirs");
  const bootID = newBootID();
  const told: string[] = [];
  const journal = await testJournal(directory, {
    bootID,
    memoryBytes: MEBIBYTE,
    writeAfterMs: 50,
    onTrouble: (message) => told.push(message),
  });
  await write(journal, 3 * MEBIBYTE);
  await expect.poll(() => told).toHaveLength(1);
  await write(journal, 3 * MEBIBYTE);
  expect(journal.full).toBe(false);
  const records = await readAll(journal, bootID);
  expect(records.at(-1)?.seq).toBe(journal.lastSeq);
  expect(records.filter(({ kind }) => kind === "lost").length).toBeGreaterThan(0);
  expect(records.length).toBeGreaterThan(8_000);
  await journal.close();
});

test("a directory that is removed while it is in use is made again", async () => {
  const directory = join(await temporaryDirectory(), "records");
  const bootID = newBootID();
  const journal = await testJournal(directory, { bootID, memoryBytes: MEBIBYTE, writeAfterMs: 20 });
  await write(journal, 2 * MEBIBYTE);
  await rm(directory, { recursive: true });
  // It is looked once a second whether the file is still there, and a timer may be early by a millisecond.
  await delay(1_010);
  const removedAt = journal.lastSeq;
  await write(journal, 2 * MEBIBYTE);
  const records = await readAll(journal, bootID);
  expect(records[0]).toMatchObject({ kind: "lost", reason: "damaged", from: 1 });
  expect(records.at(-1)?.seq).toBe(journal.lastSeq);
  await journal.close();
  const next = await testJournal(directory);
  const kept = numbersOf(await readAll(next, bootID));
  expect(kept.at(-1)).toBe(journal.lastSeq);
  expect(kept[0]).toBeLessThanOrEqual(removedAt + 1);
});

test("files of many boots are not more than their bound together", async () => {
  const directory = await temporaryDirectory();
  for (let boot = 0; boot < 6; boot++) {
    const journal = await testJournal(directory, { memoryBytes: MEBIBYTE, diskBytes: 4 * MEBIBYTE });
    await write(journal, 1.5 * MEBIBYTE);
    await journal.close();
    expect(await bytesIn(directory)).toBeLessThan(4.2 * MEBIBYTE);
  }
  const journal = await testJournal(directory, { diskBytes: 4 * MEBIBYTE });
  const backlog = journal.backlog();
  expect(backlog).toHaveLength(7);
  for (const { bootID, lastSeq } of backlog) expect((await readAll(journal, bootID)).at(-1)?.seq).toBe(lastSeq);
  await chmod(directory, 0o700);
});
