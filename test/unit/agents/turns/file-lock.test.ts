import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isFileLocked, tryFileLock, withFileLock } from "../../../../src/agents/turns/file-lock.ts";

let directory: string;
let lock: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "novabot-lock-"));
  lock = join(directory, "lock");
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(directory, { recursive: true, force: true });
});

const taker = fileURLToPath(new URL("../../../fixtures/lock-taker.ts", import.meta.url));
const racer = new URL("../../../fixtures/lock-racer.ts", import.meta.url);
function take(times: number): ChildProcess {
  const child = spawn(process.execPath, [taker, directory, String(times)], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  return child;
}
async function takeAndHold(): Promise<ChildProcess> {
  const holder = take(0);
  if (holder.stdout) await once(holder.stdout, "data");
  return holder;
}

test("of several in one process one has it, and one that waits is told once", async () => {
  let inside = 0;
  let waits = 0;
  const turn = async (): Promise<number> =>
    await withFileLock(
      lock,
      () => (waits += 1),
      async () => {
        inside += 1;
        expect(inside).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        return (inside -= 1);
      },
    );
  expect(await Promise.all([turn(), turn(), turn()])).toEqual([0, 0, 0]);
  expect(waits).toBe(2);
  expect(isFileLocked(lock)).toBe(false);
});

test("a failure inside frees it", async () => {
  const failing = withFileLock(
    lock,
    () => undefined,
    () => Promise.reject(new Error("inside")),
  );
  await expect(failing).rejects.toThrow("inside");
  const free = tryFileLock(lock);
  expect(free).toBeDefined();
  free?.release();
});

test("processes that wait for one that is killed take it one after the other, never two at once", async () => {
  const holder = await takeAndHold();
  expect(tryFileLock(lock)).toBeUndefined();
  expect(isFileLocked(lock)).toBe(true);
  const waiting = Array.from({ length: 5 }, () => take(30));
  const ends = waiting.map(async (child) => await once(child, "exit"));
  holder.kill("SIGKILL");
  expect(await Promise.all(ends)).toEqual(waiting.map(() => [0, null]));
  const journal = (await readFile(join(directory, "journal"), "utf8")).trim().split("\n");
  expect(journal).toEqual(Array.from({ length: 150 }, () => "turn"));
});

test("of two who try in the same instant one has it, and not neither", async () => {
  const shared = (length: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * length));
  const [arrivals, had] = [shared(1), shared(600)];
  const racers = [0, 1].map(() => new Worker(racer, { workerData: { directory, racers: 2, arrivals, had } }));
  await Promise.all(racers.map(async (one) => await once(one, "exit")));
  expect([...had]).toEqual(Array.from({ length: 600 }, () => 1));
});
