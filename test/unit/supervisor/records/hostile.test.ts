import { execFileSync } from "node:child_process";
import { link, mkdir, readdir, readFile, rename, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Journal } from "../../../../src/supervisor/records/journal.ts";
import { segmentHead, segmentName } from "../../../../src/supervisor/records/segment.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";
import { blockOfLines, numberedBlock } from "../../../fixtures/line-blocks.ts";
import { newBootID, numbersOf, range, readAll, testJournal } from "../../../fixtures/records.ts";

/** A directory with one boot's one segment. */
async function kept(
  fill: (journal: Journal) => void,
): Promise<{ directory: string; bootID: string; path: string; bytes: Buffer; lastSeq: number }> {
  const directory = await temporaryDirectory();
  const bootID = newBootID();
  const journal = await testJournal(directory, { bootID });
  fill(journal);
  await journal.close();
  const path = join(directory, segmentName({ boot: 1, bootID, number: 1 }));
  return { directory, bootID, path, bytes: await readFile(path), lastSeq: journal.lastSeq };
}

/** Everything that can be asked is answered, whatever is in the files. */
async function askAll(journal: Journal): Promise<void> {
  for (const { bootID } of journal.backlog()) await readAll(journal, bootID);
  await journal.query({ limit: 100_000 });
  await journal.query({ limit: 100_000, contains: "line", afterSeq: 0 });
  await journal.stats();
  journal.summaries();
}

test("a torn end is cut off and told; what stands before it is there", async () => {
  for (const torn of [1, 35, 36, 60, 150]) {
    const { directory, bootID, path, bytes } = await kept((journal) => {
      for (let block = 0; block < 5; block++) journal.appendLines(numberedBlock(journal, 3));
    });
    await truncate(path, bytes.length - torn);
    const present = newBootID();
    const journal = await testJournal(directory, { bootID: present });
    expect(numbersOf(await readAll(journal, bootID))).toEqual(range(1, 13));
    expect(await readAll(journal, present)).toMatchObject([
      { event: { type: "booted", previous: { bootID, clean: true, lastSeq: 13 } } },
      { kind: "lost", reason: "damaged", from: null, to: null },
    ]);
    await journal.close();
    const again = await testJournal(directory);
    expect(numbersOf(await readAll(again, bootID))).toEqual(range(1, 13));
    expect(numbersOf(await readAll(again, again.bootID))).toEqual([1]);
  }
});

test("one wrong byte costs one block, and its numbers are told", async () => {
  const { directory, bootID, path, bytes } = await kept((journal) => {
    for (let block = 0; block < 5; block++) journal.appendLines(numberedBlock(journal, 3));
  });
  bytes.writeUInt8(0, bytes.indexOf("line 6 "));
  await writeFile(path, bytes);
  const journal = await testJournal(directory);
  const records = await readAll(journal, bootID);
  expect(records.filter(({ kind }) => kind === "lost")).toMatchObject([{ reason: "damaged", from: 5, to: 7, seq: 7, lines: 3 }]);
  expect(numbersOf(records)).toEqual([...range(1, 4), ...range(8, 16)]);
  expect((await journal.query({ limit: 13, bootID })).records.map(({ seq }) => seq)).toEqual([...range(2, 4), ...range(7, 16)]);
});

test("whatever bytes are changed, the journal opens, answers, and tells of each number", async () => {
  const { directory, bootID, path, bytes, lastSeq } = await kept((journal) => {
    for (let block = 0; block < 40; block++) {
      journal.appendLines(numberedBlock(journal, 1 + (block % 4), 30));
      if (block % 5 === 0) journal.append({ kind: "event", instance: "web", event: { type: "removed" } });
    }
  });
  const change = fc.record({ at: fc.nat(bytes.length - 1), bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(bytes.length), async (changes, cut) => {
      for (const name of await readdir(directory)) if (!name.includes(bootID)) await rm(join(directory, name));
      const changed = Buffer.from(bytes);
      for (const { at, bytes: some } of changes) changed.set(some.subarray(0, bytes.length - at), at);
      await writeFile(path, cut % 3 === 0 ? changed.subarray(0, cut) : changed);
      const journal = await testJournal(directory);
      await askAll(journal);
      const records = await readAll(journal, bootID);
      expect(records.length).toBeLessThanOrEqual(lastSeq);
      await journal.close();
    }),
    { numRuns: 150 },
  );
});

test("blocks that somebody made up, with a right checksum, do no more harm than to be told as damaged", async () => {
  const { directory, bootID, path, bytes } = await kept((journal) => {
    journal.appendLines(blockOfLines(["one", "two"]));
    journal.append({ kind: "event", instance: "web", event: { type: "removed" } });
  });
  const starts = [...bytes.toString("latin1").matchAll(/NBK1/g)].map(({ index }) => index);
  const seal = (changed: Buffer): Buffer => {
    for (const [index, at] of starts.entries())
      changed.writeUInt32LE(crc32(changed.subarray(at + 8, starts[index + 1] ?? changed.length)), at + 4);
    return changed;
  };
  const [, lines = 0, event = 0] = starts;
  const forgeries: ((changed: Buffer) => void)[] = [
    (changed) => changed.writeUInt32LE(8, lines + 12),
    (changed) => changed.writeUInt32LE(1, lines + 12),
    (changed) => changed.writeUInt32LE(0xffff_ffff, lines + 12),
    (changed) => changed.writeUInt32LE(0, lines + 12),
    (changed) => changed.writeDoubleLE(Number.NaN, lines + 16),
    (changed) => changed.writeDoubleLE(2 ** 53, lines + 16),
    (changed) => changed.writeDoubleLE(-5, lines + 16),
    (changed) => changed.writeDoubleLE(1e300, lines + 24),
    (changed) => changed.write("../", lines + 36, "latin1"),
    (changed) => changed.writeUInt8(2, lines + 32),
    (changed) => changed.writeUInt8(9, lines + 32),
    (changed) => changed.write("{{{", changed.indexOf('{"seq":4'), "latin1"),
    (changed) => changed.write('"kinK"', changed.indexOf('"kind"', event), "latin1"),
  ];
  for (const [index, forge] of forgeries.entries()) {
    const changed = Buffer.from(bytes);
    forge(changed);
    await writeFile(path, seal(changed));
    const journal = await testJournal(directory);
    await askAll(journal);
    const records = await readAll(journal, bootID);
    expect(numbersOf(records).length, `forgery ${index}`).toBeLessThan(4);
    await journal.close();
  }
});

test("a segment that is one great hole costs no memory", async () => {
  const { directory, bootID, path, bytes } = await kept((journal) => journal.appendLines(blockOfLines(["one", "two"])));
  // Damaged blocks whose lengths lead on to a sound one at the far end.
  const hole = Buffer.alloc(4_000_036);
  hole.write("NBK1", 0, "latin1");
  hole.writeUInt32LE(4_000_000, 8);
  const last = Buffer.from(bytes.subarray(bytes.lastIndexOf("NBK1")));
  last.writeDoubleLE(1_000, 16);
  last.writeUInt32LE(crc32(last.subarray(8)), 4);
  await writeFile(path, Buffer.concat([bytes, ...Array.from({ length: 50 }, () => hole), last]));
  const journal = await testJournal(directory);
  const before = process.memoryUsage.rss();
  const records = await readAll(journal, bootID);
  expect(records.slice(1)).toMatchObject([
    { seq: 2 },
    { seq: 3 },
    { kind: "lost", from: 4, to: 999 },
    { seq: 1_000, text: "one" },
    { seq: 1_001 },
  ]);
  await askAll(journal);
  expect((await journal.stats()).instances).toMatchObject([{ lines: 4, levels: { none: 4 } }]);
  expect(process.memoryUsage.rss() - before).toBeLessThan(60_000_000);
});

test("numbers up to the largest are taken as they are", async () => {
  const { directory, bootID, path, bytes } = await kept((journal) => journal.appendLines(blockOfLines(["one", "two"])));
  const at = bytes.lastIndexOf("NBK1");
  bytes.writeDoubleLE(Number.MAX_SAFE_INTEGER - 1, at + 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(at + 8)), at + 4);
  await writeFile(path, bytes);
  const journal = await testJournal(directory);
  const records = await readAll(journal, bootID);
  expect(records).toMatchObject([
    { seq: 1 },
    { kind: "lost", from: 2 },
    { text: "one" },
    { text: "two", seq: Number.MAX_SAFE_INTEGER },
  ]);
  await askAll(journal);
});

test("links, FIFOs, directories, huge files and strangers' files are no segments, and what is not the journal's stays", async () => {
  const { directory, bootID, path, bytes } = await kept((journal) => journal.appendLines(numberedBlock(journal, 10)));
  const elsewhere = await temporaryDirectory();
  const theirs = join(elsewhere, "theirs");
  await writeFile(theirs, bytes);
  const at = (number: number): string => join(directory, segmentName({ boot: 1, bootID, number }));
  await symlink(theirs, at(2));
  await link(theirs, at(3));
  execFileSync("mkfifo", [at(4)]);
  await mkdir(at(5));
  await writeFile(at(6), "");
  await truncate(at(6), 2 ** 40);
  await writeFile(at(7), "no segment");
  await writeFile(at(8), segmentHead({ boot: 1, bootID, number: 8 }));
  await writeFile(at(9), segmentHead({ boot: 1, bootID, number: 1 }));
  // All of its records come a second time.
  await writeFile(at(10), Buffer.concat([segmentHead({ boot: 1, bootID, number: 10 }), bytes.subarray(48)]));
  const strangers = ["notes.txt", `${bootID}.records`, segmentName({ boot: 1, bootID, number: 11 }).toUpperCase(), ".hidden"];
  for (const name of strangers) await writeFile(join(directory, name), "theirs");
  const before = process.memoryUsage.rss();
  const journal = await testJournal(directory);
  expect(process.memoryUsage.rss() - before).toBeLessThan(100_000_000);
  expect(numbersOf(await readAll(journal, bootID))).toEqual(range(1, 11));
  const [, lost] = await readAll(journal, journal.bootID);
  expect(lost).toMatchObject({ kind: "lost", reason: "damaged" });
  await askAll(journal);
  await journal.close();
  expect(await readFile(theirs)).toEqual(bytes);
  const left = await readdir(directory);
  for (const name of strangers) expect(left).toContain(name);
  for (const number of [2, 3, 4, 5]) expect(left).toContain(segmentName({ boot: 1, bootID, number }));
  for (const number of [6, 7, 8, 9, 10]) expect(left).not.toContain(segmentName({ boot: 1, bootID, number }));
  expect((await stat(path)).size).toBe(bytes.length);
});

test.each<[string, (path: string) => unknown]>([
  ["a FIFO", (path) => execFileSync("mkfifo", [path])],
  ["a link to something endless", (path) => symlink("/dev/zero", path)],
  ["a directory", (path) => mkdir(path)],
  ["huge", (path) => writeFile(path, "{").then(() => truncate(path, 2 ** 40))],
  ["no JSON", (path) => writeFile(path, "{{{")],
  ["of another shape", (path) => writeFile(path, '{"boots":[{"id":7}],"clearedTo":-1}')],
])("a state file that is %s is as good as none", async (_, make) => {
  const { directory, bootID } = await kept((journal) => {
    journal.appendLines(numberedBlock(journal, 10));
    journal.acknowledge(journal.bootID, 5);
  });
  await rm(join(directory, "state.json"));
  await make(join(directory, "state.json"));
  const journal = await testJournal(directory);
  expect(journal.backlog()[0]).toEqual({ bootID, firstSeq: 1, lastSeq: 11 });
  await askAll(journal);
});

test("a file that is changed, exchanged or taken away while it is in use is told as damaged", async () => {
  const swap: ((path: string) => Promise<unknown>)[] = [
    (path) => rm(path),
    (path) => truncate(path, 60),
    (path) => rename(path, `${path}.gone`).then(() => writeFile(path, Buffer.alloc(100_000))),
    (path) => rm(path).then(() => execFileSync("mkfifo", [path])),
    (path) => writeFile(path, Buffer.alloc(200_000, "x")),
  ];
  for (const change of swap) {
    const { directory, bootID, path } = await kept((journal) => journal.appendLines(numberedBlock(journal, 600)));
    const journal = await testJournal(directory);
    await change(path);
    expect(await readAll(journal, bootID)).toMatchObject([{ kind: "lost", reason: "damaged", from: 1, to: 601 }]);
    await askAll(journal);
    await journal.close();
  }
});

test("boots beyond what a session can name go, the oldest first, and are told", async () => {
  const directory = await temporaryDirectory();
  const { bytes } = await kept((journal) => journal.appendLines(blockOfLines(["one", "two"])));
  for (let boot = 1; boot <= 1_010; boot++) {
    const name = { boot, bootID: newBootID(), number: 1 };
    await writeFile(join(directory, segmentName(name)), Buffer.concat([segmentHead(name), bytes.subarray(48)]));
  }
  const journal = await testJournal(directory);
  expect(journal.backlog()).toHaveLength(1_000);
  const [, lost] = await readAll(journal, journal.bootID);
  expect(lost).toMatchObject({ kind: "lost", reason: "bound", lines: 33 });
});
