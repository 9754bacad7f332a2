import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { Journal, type JournalFile, type JournalOptions } from "../../../../src/agents/queue/journal.ts";
import { commitLine } from "../../../../src/agents/queue/segment.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

interface Opened {
  readonly journal: Journal<unknown>;
  readonly records: unknown[];
}

async function open(directory: string, options: Partial<JournalOptions<unknown>> = {}): Promise<Opened> {
  const records: unknown[] = [];
  const journal = await Journal.open<unknown>({
    directory,
    parse: (value) => value,
    apply: (record) => void records.push(record),
    snapshot: () => [...records],
    ...options,
  });
  return { journal, records };
}

async function replay(directory: string): Promise<unknown[]> {
  const { journal, records } = await open(directory);
  await journal.close();
  return records;
}

const writer = fileURLToPath(new URL("../../../fixtures/journal-writer.ts", import.meta.url));

/** Lets a process append until it has acknowledged this many, kills it, and gives what it acknowledged. */
async function writeAndKill(directory: string, acknowledged: number, compactBytes: number): Promise<number[]> {
  const child = spawn(process.execPath, [writer, directory, String(compactBytes)], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    if (text.split("\n").length > acknowledged) child.kill("SIGKILL");
  });
  await once(child, "close");
  return text.split("\n").slice(0, -1).map(Number);
}

describe("the journal", () => {
  test("gives back what was appended, in order", async () => {
    const directory = await temporaryDirectory();
    const { journal } = await open(directory);
    await Promise.all([1, 2, 3].map(async (record) => await journal.append({ record, text: "é\n\u0000" })));
    await journal.append("four");
    await journal.close();
    expect(await replay(directory)).toEqual([...[1, 2, 3].map((record) => ({ record, text: "é\n\u0000" })), "four"]);
  });

  test("shares one sync among appends that come together", async () => {
    let syncs = 0;
    const directory = await temporaryDirectory();
    const { journal } = await open(directory, {
      openFile: async (path) => await memoryFile(path, { onSync: () => (syncs += 1) }),
    });
    syncs = 0;
    await Promise.all(Array.from({ length: 1000 }, async (_, record) => await journal.append(record)));
    expect(syncs).toBeLessThanOrEqual(2);
  });

  test.each([0, 3000])(
    "killed in the middle of appends, it has every one that was acknowledged (compacting at %i bytes)",
    async (compactBytes) => {
      const directory = await temporaryDirectory();
      let last = 0;
      for (const count of [1, 2, 5, 9, 17, 40, 77, 150]) {
        const acknowledged = await writeAndKill(directory, count, compactBytes || 1e9);
        const numbers = (await replay(directory)).flat() as number[];
        expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index + 1));
        last = Math.max(last, ...acknowledged);
        expect(numbers.length).toBeGreaterThanOrEqual(last);
      }
      if (compactBytes) expect((await readdir(directory)).length).toBe(1);
    },
  );

  test("cut at each byte of its last commit, it has all that came before and takes more", async () => {
    const source = await temporaryDirectory();
    const { journal } = await open(source);
    await journal.append("first");
    await journal.append("second");
    const whole = journal.bytes;
    await journal.append({ third: "with some length" });
    await journal.close();
    const bytes = await readFile(join(source, "0000000001.journal"));
    for (let length = whole; length < bytes.length; length += 1) {
      const directory = await temporaryDirectory();
      await writeFile(join(directory, "0000000001.journal"), bytes.subarray(0, length));
      const cut = await open(directory);
      expect(cut.records).toEqual(["first", "second"]);
      await cut.journal.append("another");
      await cut.journal.close();
      expect(await replay(directory)).toEqual(["first", "second", "another"]);
    }
  });

  test("damaged before its end, it is refused with file and line, and left as it is", async () => {
    const directory = await temporaryDirectory();
    const path = join(directory, "0000000001.journal");
    const lines = ["a", "b", "c"].map((record) => commitLine([JSON.stringify(record)]));
    const damaged = Buffer.concat(lines);
    damaged[(lines[0]?.length ?? 0) + 12] = 0;
    await writeFile(path, damaged);
    await expect(open(directory)).rejects.toMatchObject({ code: "QUEUE_DAMAGED", place: `${path}:2` });
    expect(await readFile(path)).toEqual(damaged);
  });

  test("a record that is none is refused with file and line", async () => {
    const directory = await temporaryDirectory();
    const path = join(directory, "0000000001.journal");
    await writeFile(path, commitLine(['"a"']));
    const parse = (): never => {
      throw new Error("no record");
    };
    await expect(open(directory, { parse })).rejects.toMatchObject({ code: "QUEUE_DAMAGED", place: `${path}:1` });
  });

  test("compacts into a new file, and a compaction that was cut short does no harm", async () => {
    const directory = await temporaryDirectory();
    let sum = 0;
    const options = {
      compactBytes: 500,
      apply: (record: unknown) => void (sum += Number(record)),
      snapshot: () => [sum],
    };
    const { journal } = await open(directory, options);
    for (let record = 0; record < 200; record += 1) await journal.append(1);
    await journal.close();
    const [name = ""] = await readdir(directory);
    expect(Number(name.slice(0, 10))).toBeGreaterThan(2);
    await writeFile(join(directory, "9000000000.journal.tmp"), "half of it");
    await writeFile(join(directory, "0000000001.journal"), "what it replaced");
    sum = 0;
    await (await open(directory, options)).journal.close();
    expect(sum).toBe(200);
    expect(await readdir(directory)).toEqual([name]);
  });

  test("a full disk rejects the append, and the next one goes on", async () => {
    const directory = await temporaryDirectory();
    const disk: Disk = {};
    const { journal, records } = await open(directory, { openFile: async (path) => await memoryFile(path, disk) });
    await journal.append("kept");
    for (const failing of ["write", "half", "sync"] as const) {
      disk.failing = failing;
      await expect(journal.append("lost")).rejects.toMatchObject({
        code: "HOME_INVALID",
        message: expect.stringContaining("ENOSPC"),
      });
      disk.failing = undefined;
      await journal.append(`after ${failing}`);
    }
    await journal.close();
    const expected = ["kept", "after write", "after half", "after sync"];
    expect(records).toEqual(expected);
    expect(await replay(directory)).toEqual(expected);
  });

  test("where nothing can be written it is refused with what to do", async () => {
    const directory = await temporaryDirectory();
    const openFile = async (): Promise<never> => await Promise.reject(new Error("EROFS: read-only file system"));
    const opening = Journal.open({ directory, parse: String, apply: () => undefined, snapshot: () => [], openFile });
    await expect(opening).rejects.toMatchObject({ code: "HOME_INVALID", next: expect.stringContaining("disk") as string });
  });

  test("a full disk also when compacting: the old file goes on", async () => {
    const directory = await temporaryDirectory();
    const disk: Disk = {};
    const troubles: unknown[] = [];
    const { journal } = await open(directory, {
      compactBytes: 200,
      onTrouble: (thrown) => troubles.push(thrown),
      openFile: async (path) => await memoryFile(path, path.endsWith(".tmp") ? { failing: "half" } : disk),
    });
    for (let record = 0; record < 100; record += 1) await journal.append(record);
    await journal.close();
    expect(troubles.length).toBeGreaterThan(0);
    expect(await readdir(directory)).toEqual(["0000000001.journal"]);
    expect(await replay(directory)).toHaveLength(100);
  });
});

interface Disk {
  failing?: "write" | "half" | "sync" | undefined;
  onSync?: () => void;
}

/** A file that is written through, on a disk that fails when it is told to. */
async function memoryFile(path: string, disk: Disk): Promise<JournalFile> {
  let content = await readFile(path).catch(() => Buffer.alloc(0));
  const full = (): Error => Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  const put = async (): Promise<void> => await writeFile(path, content);
  await put();
  return {
    async write(bytes, position) {
      if (disk.failing === "write") throw full();
      const half = disk.failing === "half";
      content = Buffer.concat([content.subarray(0, position), half ? bytes.subarray(0, bytes.length / 2) : bytes]);
      await put();
      if (half) throw full();
    },
    async sync() {
      if (disk.failing === "sync") throw full();
      disk.onSync?.();
    },
    async truncate(length) {
      content = content.subarray(0, length);
      await put();
    },
    async close() {},
  };
}
