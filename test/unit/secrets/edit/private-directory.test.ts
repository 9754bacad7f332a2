import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { privateDirectory } from "../../../../src/secrets/edit/private-directory.ts";

const isRoot = process.getuid?.() === 0;

test.each([[["/dev/shm"]], [["/nowhere", tmpdir()]], [[]]])("of %j it takes a place in memory, else the usual one", (places) => {
  const directory = privateDirectory(() => true, places);
  onTestFinished(() => directory.remove());
  const type = execFileSync("stat", ["-f", "-c", "%T", dirname(directory.path)], { encoding: "utf8" }).trim();
  if (dirname(directory.path) !== tmpdir()) expect(type).toBe("tmpfs");
  else expect(places).not.toContain("/dev/shm");
  expect(statSync(directory.path).mode & 0o777).toBe(0o700);
  writeFileSync(join(directory.path, "x"), "x");
  directory.remove();
  expect(existsSync(directory.path)).toBe(false);
  expect(process.listenerCount("SIGTERM")).toBe(0);
});

test("what a killed process left goes, and a living one's stays", () => {
  // A number that no process can have.
  const left = join(tmpdir(), "novabot-secrets-2147483647-left");
  const living = join(tmpdir(), `novabot-secrets-${process.pid}-living`);
  for (const path of [left, living]) {
    mkdirSync(path);
    onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  }
  const others = join(tmpdir(), "novabot-secrets-2147483646-others");
  if (isRoot) {
    mkdirSync(others);
    onTestFinished(() => rmSync(others, { recursive: true }));
    chownSync(others, 12345, 12345);
  }
  privateDirectory(() => true, []).remove();
  expect(existsSync(left)).toBe(false);
  expect(existsSync(living)).toBe(true);
  expect(existsSync(others)).toBe(isRoot);
});
