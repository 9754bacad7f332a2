import { execFileSync } from "node:child_process";
import { mkdtemp, open, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import type { LogRecord } from "../../../../src/model/record.ts";
import { openSQLiteStore } from "../../../../src/store/sqlite/open.ts";
import type { Store } from "../../../../src/store/store.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

const isRoot = process.getuid?.() === 0;
const source = { worker: "alpha", container: "alpha-1", bootID: "a".repeat(32) };

function lines(from: number, count: number): LogRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const seq = from + index;
    return {
      kind: "log",
      seq,
      atMs: seq,
      instance: "web",
      stream: "stdout",
      level: null,
      text: `line ${seq} `.padEnd(1000, "x"),
    };
  });
}

async function openIn(directory: string, lockedAfterMs = 200): Promise<Store> {
  const store = await openSQLiteStore({ file: join(directory, "orchestrator.db"), lockedAfterMs });
  onTestFinished(() => store.close());
  return store;
}

// Only root can mount a file system of a few pages.
test.runIf(isRoot)("a full disk is told, keeps what was acknowledged, and takes in again when there is room", async () => {
  const directory = await mkdtemp(join(tmpdir(), "novabot-test-full-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", directory]);
  onTestFinished(async () => {
    execFileSync("umount", [directory]);
    await rm(directory, { recursive: true });
  });
  await writeFile(join(directory, "ballast"), Buffer.alloc(2_000_000));
  const store = await openSQLiteStore({ file: join(directory, "orchestrator.db") });
  try {
    let kept = 0;
    let told = 0;
    store.listen((entries) => void (told += entries.length));
    const fill = async (): Promise<void> => {
      for (;;) {
        await store.keep({ ...source, records: lines(kept + 1, 100) });
        kept += 100;
      }
    };
    await expect(fill()).rejects.toMatchObject({ code: "STORE_FULL", place: join(directory, "orchestrator.db") });
    expect(kept).toBeGreaterThan(0);
    expect(told).toBe(kept);
    await expect(store.keep({ ...source, records: lines(kept + 1, 2000) })).rejects.toMatchObject({ code: "STORE_FULL" });
    // What is there can be read all the while.
    expect(await store.have("alpha", "alpha-1")).toEqual([{ bootID: source.bootID, seq: kept }]);
    expect((await store.logs({ limit: 1 })).items).toMatchObject([{ seq: kept }]);
    await rm(join(directory, "ballast"));
    const after = await store.keep({ ...source, records: lines(kept + 1, 100) });
    expect(after).toHaveLength(100);
    expect((await store.size()).logRows).toBe(kept + 100);
  } finally {
    await store.close();
  }
});

test("a program that holds the database is told of, and nothing of the call is kept", async () => {
  const directory = await temporaryDirectory();
  const store = await openIn(directory);
  await store.keep({ ...source, records: lines(1, 10) });
  const other = new Database(join(directory, "orchestrator.db"));
  onTestFinished(() => void other.close());
  other.exec("BEGIN IMMEDIATE");
  await expect(store.keep({ ...source, records: lines(11, 10) })).rejects.toMatchObject({ code: "STORE_LOCKED" });
  // It reads past the other one.
  expect((await store.logs({ limit: 100 })).items).toHaveLength(10);
  other.exec("ROLLBACK");
  expect(await store.keep({ ...source, records: lines(11, 10) })).toHaveLength(10);
});

test("a database that another program holds cannot be opened", async () => {
  const directory = await temporaryDirectory();
  const other = new Database(join(directory, "orchestrator.db"));
  onTestFinished(() => void other.close());
  other.exec("BEGIN EXCLUSIVE");
  await expect(openIn(directory)).rejects.toMatchObject({ code: "STORE_LOCKED" });
});

test("what is no database, or another program's, is left as it is", async () => {
  const directory = await temporaryDirectory();
  const file = join(directory, "orchestrator.db");
  await writeFile(file, "Dear diary, ".repeat(1000));
  await expect(openIn(directory)).rejects.toMatchObject({ code: "STORE_DAMAGED", place: file });
  expect((await stat(file)).size).toBe(12_000);
  await rm(file);
  const other = new Database(file);
  other.exec("CREATE TABLE recipes (name TEXT)");
  other.close();
  await expect(openIn(directory)).rejects.toMatchObject({
    code: "STORE_FAILED",
    message: expect.stringContaining("another program"),
  });
});

test.each(["in the midst of the lines", "all over"])("damage %s shows itself as such", async (where) => {
  const directory = await temporaryDirectory();
  const file = join(directory, "orchestrator.db");
  const first = await openSQLiteStore({ file });
  await first.keep({ ...source, records: lines(1, 3000) });
  await first.close();
  const pages = (await stat(file)).size / 8192;
  const [from, to] = where === "all over" ? [1, pages] : [150, 250];
  const handle = await open(file, "r+");
  for (let page = from; page < to; page += 1) await handle.write(Buffer.alloc(8192, 0xa5), 0, 8192, page * 8192);
  await handle.close();
  const damaged = { code: "STORE_DAMAGED", place: file };
  if (where === "all over") return await expect(openIn(directory)).rejects.toMatchObject(damaged);
  const store = await openIn(directory);
  await expect(store.logs({ limit: 3000 })).rejects.toMatchObject(damaged);
  expect(await store.logs({ limit: 10 })).toMatchObject({ last: 3000 });
});

test("a file that was cut off shows itself as damaged", async () => {
  const directory = await temporaryDirectory();
  const file = join(directory, "orchestrator.db");
  const first = await openSQLiteStore({ file });
  await first.keep({ ...source, records: lines(1, 3000) });
  await first.close();
  await truncate(file, 40 * 8192);
  const read = async (): Promise<void> => {
    const store = await openIn(directory);
    await store.logs({ limit: 3000 });
  };
  await expect(read()).rejects.toMatchObject({ code: "STORE_DAMAGED", place: file });
});

test("where no file can be made, that is said", async () => {
  const directory = await temporaryDirectory();
  await writeFile(join(directory, "store"), "");
  await expect(openSQLiteStore({ file: join(directory, "store", "orchestrator.db") })).rejects.toMatchObject({
    code: "STORE_FAILED",
    message: expect.stringContaining("cannot be made"),
  });
});

test("the file and its directory are their user's alone", async () => {
  const directory = join(await temporaryDirectory(), "store");
  const store = await openIn(directory);
  await store.keep({ ...source, records: lines(1, 1) });
  const modes = await Promise.all(
    ["", "orchestrator.db", "orchestrator.db-wal", "orchestrator.db-shm"].map(
      async (name) => (await stat(join(directory, name))).mode & 0o777,
    ),
  );
  expect(modes).toEqual([0o700, 0o600, 0o600, 0o600]);
});

test("what comes after closing is refused, what came before it is kept", async () => {
  const directory = await temporaryDirectory();
  const store = await openSQLiteStore({ file: join(directory, "orchestrator.db") });
  const before = store.keep({ ...source, records: lines(1, 100) });
  const closed = store.close();
  await expect(store.keep({ ...source, records: lines(101, 1) })).rejects.toMatchObject({ code: "STORE_FAILED" });
  expect(await before).toHaveLength(100);
  await closed;
  const next = await openIn(directory);
  expect((await next.size()).logRows).toBe(100);
});
