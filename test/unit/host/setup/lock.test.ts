import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { withLock } from "../../../../src/host/setup/lock.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "novabot-lock-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

test("several take turns, and nothing stays", async () => {
  let inside = 0;
  let waits = 0;
  const turn = async (): Promise<number> =>
    await withLock(
      join(directory, "a/lock"),
      () => (waits += 1),
      async () => {
        inside += 1;
        expect(inside).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 20));
        return (inside -= 1);
      },
    );
  expect(await Promise.all([turn(), turn(), turn()])).toEqual([0, 0, 0]);
  expect(waits).toBeGreaterThan(0);
  expect(await readdir(join(directory, "a"))).toEqual([]);
});

test("a failure inside frees it", async () => {
  const lock = join(directory, "lock");
  await expect(
    withLock(
      lock,
      () => undefined,
      () => Promise.reject(new Error("inside")),
    ),
  ).rejects.toThrow("inside");
  expect(
    await withLock(
      lock,
      () => expect.fail("it waited"),
      async () => "free",
    ),
  ).toBe("free");
});

test("the lock of a process that is dead is taken over, and so is that of a later process with its pid", async () => {
  const lock = join(directory, "lock");
  const child = spawn("true");
  await once(child, "exit");
  for (const owner of [`${child.pid} 1`, `${process.pid} 1`, "", "nonsense"]) {
    await mkdir(lock);
    await writeFile(join(lock, "owner"), owner);
    expect(
      await withLock(
        lock,
        () => expect.fail("it waited"),
        async () => "taken",
      ),
    ).toBe("taken");
  }
});
