import { execFileSync } from "node:child_process";
import { mkdir, readFile, readdir, rename, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { HeldDirectory } from "../../../../src/agents/home/held-directory.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

async function held(): Promise<HeldDirectory> {
  const directory = await HeldDirectory.open(await temporaryDirectory());
  onTestFinished(async () => await directory.close());
  return directory;
}

test("a link where a directory is expected is refused, at the end of a path and on the way", async () => {
  const root = await temporaryDirectory();
  await mkdir(join(root, "real/inner"), { recursive: true });
  await symlink(join(root, "real"), join(root, "link"));
  await expect(HeldDirectory.open(join(root, "link"))).rejects.toMatchObject({ code: "HOME_UNSAFE_PATH" });
  await expect(HeldDirectory.find(root, "link", "inner")).rejects.toMatchObject({
    code: "HOME_UNSAFE_PATH",
    place: join(root, "link"),
  });
  expect(await HeldDirectory.find(root, "real", "missing")).toBeUndefined();
});

test("a directory that is swapped for a link after it was opened stays the one that was opened", async () => {
  const root = await temporaryDirectory();
  await mkdir(join(root, "logs"));
  await mkdir(join(root, "outside"));
  const logs = await HeldDirectory.open(join(root, "logs"));
  await rename(join(root, "logs"), join(root, "moved"));
  await symlink(join(root, "outside"), join(root, "logs"));
  expect(await logs.create("run.log", "text", 0o640)).toBe(true);
  await logs.close();
  expect(await readdir(join(root, "outside"))).toEqual([]);
  expect(await readFile(join(root, "moved/run.log"), "utf8")).toBe("text");
});

test("reading refuses links, FIFOs, sockets' and directories' places, and files beyond the limit, without waiting", async () => {
  const directory = await held();
  await symlink("/etc/passwd", join(directory.path, "link"));
  execFileSync("mkfifo", [join(directory.path, "fifo")]);
  await mkdir(join(directory.path, "directory"));
  await writeFile(join(directory.path, "huge"), Buffer.alloc(1001));
  await writeFile(join(directory.path, "exact"), Buffer.alloc(1000, "a"));
  for (const name of ["link", "fifo", "directory", "huge"]) {
    await expect(directory.read(name, 1000), name).rejects.toMatchObject({
      code: "HOME_UNSAFE_PATH",
      place: join(directory.path, name),
    });
  }
  expect(await directory.read("exact", 1000)).toHaveLength(1000);
  expect(await directory.read("missing", 1000)).toBeUndefined();
});

test("creating never writes over or through what is there", async () => {
  const directory = await held();
  await writeFile(join(directory.path, "victim"), "before");
  await symlink(join(directory.path, "victim"), join(directory.path, "link"));
  await symlink(join(directory.path, "nowhere"), join(directory.path, "dangling"));
  for (const name of ["victim", "link", "dangling"]) expect(await directory.create(name, "after", 0o600), name).toBe(false);
  expect(await readFile(join(directory.path, "victim"), "utf8")).toBe("before");
  expect(await readdir(directory.path)).not.toContain("nowhere");
});

test("replacing takes a link's place instead of writing through it, and leaves no temporary file", async () => {
  const directory = await held();
  await writeFile(join(directory.path, "victim"), "before");
  await symlink(join(directory.path, "victim"), join(directory.path, "file"));
  await directory.replace("file", "after", 0o600, { sync: true });
  expect(await readFile(join(directory.path, "victim"), "utf8")).toBe("before");
  expect(await readFile(join(directory.path, "file"), "utf8")).toBe("after");
  expect((await readdir(directory.path)).toSorted()).toEqual(["file", "victim"]);
  await mkdir(join(directory.path, "busy"));
  await expect(directory.replace("busy", "x", 0o600)).rejects.toMatchObject({ code: "HOME_INVALID" });
  expect((await readdir(directory.path)).toSorted()).toEqual(["busy", "file", "victim"]);
});

test("reclaiming takes away a link or file in a directory's place, and only that", async () => {
  const directory = await held();
  await mkdir(join(directory.path, "outside"));
  await writeFile(join(directory.path, "outside/kept"), "x");
  await symlink(join(directory.path, "outside"), join(directory.path, "logs"));
  await (await directory.reclaimDirectory("logs")).close();
  expect((await stat(join(directory.path, "logs"))).isDirectory()).toBe(true);
  expect(await readdir(join(directory.path, "outside"))).toEqual(["kept"]);
});

test.each(["", ".", "..", "a/b", "a\0b"])("%j is no name", async (name) => {
  const directory = await held();
  await expect(directory.create(name, "", 0o600)).rejects.toMatchObject({ code: "INTERNAL" });
});

// Only root may give a file to another user.
test.runIf(process.getuid?.() === 0)("giving a directory away changes it and nothing below", async () => {
  const directory = await held();
  await writeFile(join(directory.path, "file"), "x");
  await directory.giveTo({ uid: 1000, gid: 1000 });
  expect((await stat(directory.path)).uid).toBe(1000);
  expect((await stat(join(directory.path, "file"))).uid).toBe(0);
});

test("a directory that was closed is an error to whoever still uses it, and not an empty one", async () => {
  const directory = await HeldDirectory.open(await temporaryDirectory());
  await directory.close();
  await directory.close();
  const uses = [
    async () => await directory.read("a", 10),
    async () => await directory.names(),
    async () => await directory.directory("a"),
    async () => await directory.create("a", "", 0o600),
  ];
  for (const use of uses) await expect(use()).rejects.toMatchObject({ code: "INTERNAL" });
});
