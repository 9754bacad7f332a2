import { spawnSync } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import type { Home } from "../../../src/agents/home/home.ts";
import { tryFileLock } from "../../../src/agents/turns/file-lock.ts";
import { takeServeLock } from "../../../src/host/serve/lock.ts";
import { temporaryHome } from "../../fixtures/home.ts";

let home: Home;

beforeEach(async () => {
  home = await temporaryHome();
  await mkdir(home.host, { recursive: true });
});

test("who was killed is not told of as the one who has the lock now", async () => {
  const { pid } = spawnSync(process.execPath, ["--version"]);
  const killed = { pid, host: hostname(), since: "2026-01-01T00:00:00.000Z" };
  await writeFile(join(home.host, "serve.json"), JSON.stringify(killed));
  // Somebody has the lock and has not said so yet.
  const lock = tryFileLock(join(home.host, "serve.lock"));
  await expect(takeServeLock(home)).rejects.toMatchObject({
    code: "HOME_BUSY",
    message: expect.stringContaining("did not say which"),
  });
  lock?.release();
  await (await takeServeLock(home)).release();
});

test("a lock that nobody can be told of is given back", async () => {
  const told = join(home.host, "serve.json");
  await mkdir(join(told, "in-the-way"), { recursive: true });
  await expect(takeServeLock(home)).rejects.toThrow("serve.json");
  const lock = tryFileLock(join(home.host, "serve.lock"));
  expect(lock).toBeDefined();
  lock?.release();
  expect((await readdir(home.host)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});
