import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { isMeanwhile, replaceFile } from "../../../../src/secrets/file/replace-file.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

const writer = new URL("../../../fixtures/secrets-writer.ts", import.meta.url).pathname;
const isRoot = process.getuid?.() === 0;

test("a file is new with its mode and owner, and nothing else stands beside it", async () => {
  const directory = await temporaryDirectory();
  const path = join(directory, ".env.local");
  await writeFile(path, "old", { mode: 0o644 });
  await replaceFile({ path, content: "new", mode: 0o600, owner: isRoot ? { uid: 1001, gid: 1002 } : undefined });
  const found = await stat(path);
  expect(await readFile(path, "utf8")).toBe("new");
  expect(found.mode & 0o777).toBe(0o600);
  if (isRoot) expect([found.uid, found.gid]).toEqual([1001, 1002]);
  expect(await readdir(directory)).toEqual([".env.local"]);
});

test("somebody else's change is not written over", async () => {
  const path = join(await temporaryDirectory(), "a.env");
  await writeFile(path, "theirs");
  const thrown: unknown = await replaceFile({ path, content: "mine", mode: 0o600, expected: "before" }).catch(
    (error: unknown) => error,
  );
  expect(isMeanwhile(thrown)).toBe(true);
  await expect(replaceFile({ path, content: "mine", mode: 0o600, expected: null })).rejects.toMatchObject({
    code: "SECRETS_INVALID",
  });
  expect(await readFile(path, "utf8")).toBe("theirs");
  expect(await readdir(join(path, ".."))).toEqual(["a.env"]);
});

test("a link and a directory are refused, and what the link leads to stays", async () => {
  const directory = await temporaryDirectory();
  await writeFile(join(directory, "elsewhere"), "x");
  await symlink(join(directory, "elsewhere"), join(directory, "link"));
  await mkdir(join(directory, "sub"));
  for (const name of ["link", "sub"]) {
    await expect(replaceFile({ path: join(directory, name), content: "y", mode: 0o600 })).rejects.toMatchObject({
      code: "SECRETS_INVALID",
    });
  }
  expect(await readFile(join(directory, "elsewhere"), "utf8")).toBe("x");
  expect((await readdir(directory)).sort()).toEqual(["elsewhere", "link", "sub"]);
});

test("a directory that is called like a draft stops nobody", async () => {
  const directory = await temporaryDirectory();
  await mkdir(join(directory, "..env.local.novabot-0123456789ab"));
  await replaceFile({ path: join(directory, ".env.local"), content: "new", mode: 0o600 });
  expect(await readFile(join(directory, ".env.local"), "utf8")).toBe("new");
});

test("what its reader refuses never takes the old file's place", async () => {
  const path = join(await temporaryDirectory(), "a.env");
  await writeFile(path, "old");
  const verify = (): never => {
    throw new Error("unreadable");
  };
  await expect(replaceFile({ path, content: "new", mode: 0o600, verify })).rejects.toMatchObject({ code: "SECRETS_INVALID" });
  expect(await readFile(path, "utf8")).toBe("old");
  expect(await readdir(join(path, ".."))).toEqual(["a.env"]);
});

// Only root can mount a file system of a few pages.
test.runIf(isRoot)("a full disk leaves the old file whole", async () => {
  const directory = await mkdtemp(join(tmpdir(), "novabot-test-full-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", directory]);
  onTestFinished(async () => {
    execFileSync("umount", [directory]);
    await rm(directory, { recursive: true });
  });
  const path = join(directory, ".env.local");
  await replaceFile({ path, content: "old", mode: 0o600 });
  await expect(replaceFile({ path, content: "n".repeat(200_000), mode: 0o600 })).rejects.toMatchObject({
    code: "SECRETS_INVALID",
    message: expect.stringContaining("ENOSPC") as string,
  });
  expect(await readFile(path, "utf8")).toBe("old");
  expect(await readdir(directory)).toEqual([".env.local"]);
  await replaceFile({ path, content: "new", mode: 0o600 });
  expect(await readFile(path, "utf8")).toBe("new");
});

// Root may write everywhere.
test.runIf(isRoot)("a directory that may not be written to is an error that says so", async () => {
  const directory = await temporaryDirectory();
  await chmod(directory, 0o755);
  await writeFile(join(directory, "a.env"), "old");
  await chown(join(directory, "a.env"), 12345, 12345);
  const module = new URL("../../../../src/secrets/file/replace-file.ts", import.meta.url).pathname;
  const script = `const { replaceFile } = await import(${JSON.stringify(module)}); process.setgroups([]); process.setgid(12345); process.setuid(12345);
    await replaceFile({ path: ${JSON.stringify(join(directory, "a.env"))}, content: "new", mode: 0o600 }).catch((error) => console.log(error.code, error.message));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  expect(output).toMatch(/^SECRETS_INVALID .*EACCES/);
  expect(await readFile(join(directory, "a.env"), "utf8")).toBe("old");
});

test("a kill at any moment leaves a whole file, and the next writer cleans up", { timeout: 60_000 }, async () => {
  const directory = await temporaryDirectory();
  const path = join(directory, ".env.local");
  await replaceFile({ path, content: "x".repeat(300_000), mode: 0o600 });
  let left = 0;
  for (let round = 0; round < 15; round += 1) {
    const child = spawn(process.execPath, [writer, path, "300000"], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    // The moment is what the test is about.
    await delay(Math.random() * 25);
    child.kill("SIGKILL");
    await once(child, "close");
    const text = await readFile(path, "utf8");
    expect(text.length).toBe(300_000);
    expect(new Set(text).size).toBe(1);
    left += (await readdir(directory)).length - 1;
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  }
  await replaceFile({ path, content: "done", mode: 0o600 });
  expect(await readdir(directory)).toEqual([".env.local"]);
  // Otherwise no kill came in the middle, and nothing was shown.
  expect(left).toBeGreaterThan(0);
});

test("of many writers each one's file was whole, and one after the other wrote", async () => {
  const path = join(await temporaryDirectory(), "a.env");
  await Promise.all(
    Array.from({ length: 12 }, async (_, index) => await replaceFile({ path, content: String(index), mode: 0o600 })),
  );
  expect(Number(await readFile(path, "utf8"))).toBeLessThan(12);
  expect(await readdir(join(path, ".."))).toEqual(["a.env"]);
});
