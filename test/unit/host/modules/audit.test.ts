import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openHome, type Home } from "../../../../src/agents/home/home.ts";
import { recordChange } from "../../../../src/host/modules/audit.ts";
import { withModulesLock } from "../../../../src/host/modules/lock.ts";

let home: Home;
beforeEach(async () => {
  home = await openHome(await mkdtemp(join(tmpdir(), "novabot-audit-")), { create: true });
  await mkdir(home.host, { recursive: true });
});
afterEach(async () => await rm(home.root, { recursive: true, force: true }));

test("each change is one line with who and what; lines are only appended, whoever writes at the same time", async () => {
  const at = new Date("2026-01-02T03:04:05.678Z");
  const many = Array.from({ length: 50 }, (_, number) => number);
  await Promise.all(
    many.map(
      async (number) =>
        await recordChange(home, { what: "up", module: `m${number}`, result: "started", forced: number === 7 }, at),
    ),
  );
  const file = join(home.host, "audit.jsonl");
  const lines = (await readFile(file, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toHaveLength(50);
  expect(new Set(lines.map(({ module }) => module)).size).toBe(50);
  expect(lines.find(({ module }) => module === "m7")).toMatchObject({
    at: "2026-01-02T03:04:05.678Z",
    user: { uid: process.getuid?.() },
    what: "up",
    result: "started",
    forced: true,
  });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test("an audit file that is a link is refused, and nothing is written through it", async () => {
  const other = join(home.root, "other");
  await writeFile(other, "");
  await symlink(other, join(home.host, "audit.jsonl"));
  await expect(recordChange(home, { what: "up", module: "m", result: "started" })).rejects.toThrow(/ELOOP/);
  expect(await readFile(other, "utf8")).toBe("");
});

test("the modules are one command's at a time, and the next is told whose", async () => {
  await withModulesLock(home, "modules up", async () => {
    await expect(withModulesLock(home, "modules down", () => Promise.resolve())).rejects.toMatchObject({
      code: "MODULES_BUSY",
      message: expect.stringContaining(`\`novabot modules up\` of`),
      facts: { pid: process.pid, command: "modules up" },
    });
  });
  expect(await withModulesLock(home, "modules down", () => Promise.resolve("free"))).toBe("free");
});
