import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "../../../fixtures/home.ts";
import { blockOfLines, numberedBlock } from "../../../fixtures/line-blocks.ts";
import { newBootID, expectRange, numbersOf, range, readAll, testJournal } from "../../../fixtures/records.ts";

const writer = new URL("../../../fixtures/record-writer.ts", import.meta.url).pathname;

test("a boot that was closed is there for the next one, as one that ended cleanly", async () => {
  const directory = await temporaryDirectory();
  const [first, second] = [newBootID(), newBootID()];
  const before = await testJournal(directory, { bootID: first });
  before.appendLines(numberedBlock(before, 100));
  const written = await readAll(before, first);
  await before.close();

  const journal = await testJournal(directory, { bootID: second });
  expect(await readAll(journal, first)).toEqual(written);
  const booted = { type: "booted", previous: { bootID: first, clean: true, lastSeq: 101 } };
  expect(await readAll(journal, second)).toMatchObject([{ seq: 1, event: booted }]);
  expect(journal.backlog()).toEqual([
    { bootID: first, firstSeq: 1, lastSeq: 101 },
    { bootID: second, firstSeq: 1, lastSeq: 1 },
  ]);
  journal.appendLines(numberedBlock(journal, 2));
  const { records, incomplete } = await journal.query({ limit: 4 });
  expect(records.map(({ bootID, seq }) => [bootID, seq])).toEqual([
    [first, 100],
    [first, 101],
    [second, 2],
    [second, 3],
  ]);
  expect(incomplete).toBe(false);
  expect((await journal.query({ limit: 1_000 })).incomplete).toBe(false);
  expect((await journal.query({ limit: 3, bootID: first, afterSeq: 50 })).records.map(({ seq }) => seq)).toEqual([51, 52, 53]);
  expect(journal.summaries()).toMatchObject([{ instance: "web", lines: 102 }]);
});

test("what was acknowledged is not sent again by a later boot, and is still shown", async () => {
  const directory = await temporaryDirectory();
  const [first, second, third] = [newBootID(), newBootID(), newBootID()];
  const one = await testJournal(directory, { bootID: first });
  one.appendLines(numberedBlock(one, 100));
  one.acknowledge(first, 40);
  await one.close();
  const two = await testJournal(directory, { bootID: second });
  expect(two.backlog()[0]).toEqual({ bootID: first, firstSeq: 41, lastSeq: 101 });
  two.acknowledge(first, 101);
  await two.close();
  const three = await testJournal(directory, { bootID: third });
  expect(three.backlog().map(({ bootID }) => bootID)).toEqual([second, third]);
  expect((await three.query({ limit: 1_000 })).records).toHaveLength(100);
});

test("an acknowledgement is on disk soon, whatever becomes of the supervisor", async () => {
  const directory = await temporaryDirectory();
  const first = newBootID();
  const one = await testJournal(directory, { bootID: first, writeAfterMs: 50 });
  one.appendLines(numberedBlock(one, 100));
  one.acknowledge(first, 40);
  const kept = async (): Promise<unknown> => {
    const two = await testJournal(await copyOf(directory));
    return two.backlog()[0];
  };
  await expect.poll(kept, { timeout: 5_000 }).toEqual({ bootID: first, firstSeq: 41, lastSeq: 101 });
});

/** What a supervisor that were killed now would leave behind. */
async function copyOf(directory: string): Promise<string> {
  const copy = join(await temporaryDirectory(), "records");
  await cp(directory, copy, { recursive: true });
  return copy;
}

test("what was cleared stays so, and goes when it is acknowledged", async () => {
  const directory = await temporaryDirectory();
  const first = newBootID();
  const one = await testJournal(directory, { bootID: first });
  one.appendLines(numberedBlock(one, 100));
  one.appendLines(blockOfLines(["kept"], { instance: "api" }));
  one.clear(["web"]);
  await one.close();
  const two = await testJournal(directory);
  expect((await two.query({ limit: 1_000 })).records).toMatchObject([{ text: "kept" }]);
  expect(two.summaries()).toMatchObject([{ instance: "api", lines: 1 }]);
  two.clear();
  await two.close();
  const three = await testJournal(directory);
  expect(await three.query({ limit: 1_000 })).toMatchObject({ records: [], incomplete: false });
  expect(numbersOf(await readAll(three, first))).toEqual(range(1, 102));
  three.acknowledge(first, 102);
  await expect.poll(async () => (await readdir(directory)).filter((name) => name.includes(first))).toEqual([]);
  expect(await three.query({ limit: 1_000 })).toMatchObject({ records: [], incomplete: false });
});

test("what nobody acknowledges is on disk in time; what is acknowledged before need not be", async () => {
  const directory = await temporaryDirectory();
  const journal = await testJournal(directory, { writeAfterMs: 100 });
  const bytes = async (): Promise<number> => {
    const names = (await readdir(directory)).filter((name) => name.endsWith(".records"));
    return (await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size))).reduce((a, b) => a + b, 0);
  };
  for (let turn = 0; turn < 30; turn++) {
    journal.appendLines(numberedBlock(journal, 10));
    // At once: what a busy machine leaves for a while is written.
    journal.acknowledge(journal.bootID, journal.lastSeq);
    await delay(10);
  }
  const before = await bytes();
  journal.appendLines(numberedBlock(journal, 10));
  await expect.poll(bytes, { timeout: 5_000, interval: 10 }).toBeGreaterThan(before + 30_000);
});

const WRITE_AFTER_MS = 300;
// Of a machine that does other work, too.
const SLACK_MS = 1_500;

test.each([
  ["a trickle", "10"],
  ["a flood", "flood"],
])("kill -9 in %s loses nothing that is older than what was promised, again and again", async (_, pace) => {
  const directory = await temporaryDirectory();
  const boots: { id: string; lastSeq: number }[] = [];
  for (const lifeMs of [20, 80, 150, 300, 500, WRITE_AFTER_MS + SLACK_MS + 200]) {
    const id = newBootID();
    const child = spawn(process.execPath, [writer, directory, id, String(WRITE_AFTER_MS), pace], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const said: { seq: number; atMs: number }[] = [];
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => {
      const [seq = Number.NaN, atMs = Number.NaN] = line.split(" ").map(Number);
      said.push({ seq, atMs });
    });
    await once(lines, "line");
    await delay(lifeMs + Math.random() * 100);
    const promisedMs = Date.now() - WRITE_AFTER_MS - SLACK_MS;
    child.kill("SIGKILL");
    await once(child, "close");
    const promised = said.findLast(({ atMs }) => atMs < promisedMs)?.seq ?? 0;
    if (lifeMs > WRITE_AFTER_MS + SLACK_MS) expect(promised).toBeGreaterThan(0);

    const present = newBootID();
    const journal = await testJournal(directory, { bootID: present, diskBytes: 16_777_216 });
    const [booted] = await journal.read(present, 0, { records: 1, bytes: 1 });
    const kept = await readAll(journal, id);
    const lastSeq = kept.at(-1)?.seq ?? 0;
    expect(booted).toMatchObject({ event: { previous: { bootID: id, clean: false, lastSeq } } });
    expect(lastSeq).toBeGreaterThanOrEqual(promised);
    // A flood may be more than the bound: then its beginning is gone. Killed early, nothing of it is there.
    const first = kept[0]?.kind === "lost" ? kept[0].seq + 1 : 1;
    if (kept.length > 0) expectRange(numbersOf(kept), first, lastSeq);
    boots.push({ id, lastSeq });
    await journal.close();
  }
  // What the bound took away of the oldest is told, and nothing else is missing.
  const journal = await testJournal(directory, { diskBytes: 16_777_216 });
  for (const { id, lastSeq } of boots) {
    const records = await readAll(journal, id);
    expect(records.at(-1)?.seq ?? 0).toBe(lastSeq);
    for (const record of records) if (record.kind === "lost") expect(record).toMatchObject({ reason: "bound", from: 1 });
  }
});
