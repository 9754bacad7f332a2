import { execFile } from "node:child_process";
import { chmod, chown, lstat, mkdir, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { replaceFile } from "../../../../src/contract/fix/write.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

const isRoot = process.getuid?.() === 0;

test("the file has the new text, the old mode and owner, and nothing lies beside it", async () => {
  const root = await temporaryDirectory();
  const file = join(root, "compose.yaml");
  await writeFile(file, "old");
  await chmod(file, 0o640);
  if (isRoot) await chown(file, 1234, 2345);
  await replaceFile(file, "old", "new", root);
  const { mode, uid, gid } = await stat(file);
  expect(await readFile(file, "utf8")).toBe("new");
  expect(mode & 0o7777).toBe(0o640);
  if (isRoot) expect([uid, gid]).toEqual([1234, 2345]);
  expect(await readdir(root)).toEqual(["compose.yaml"]);
});

test("a byte order mark stays", async () => {
  const root = await temporaryDirectory();
  const file = join(root, "f");
  await writeFile(file, "\ufeffold");
  await replaceFile(file, "old", "new", root);
  expect(await readFile(file, "utf8")).toBe("\ufeffnew");
  await replaceFile(file, "\ufeffnew", "\ufeffnewer", root);
  expect(await readFile(file, "utf8")).toBe("\ufeffnewer");
});

test("a link stays a link, and what it leads to is written", async () => {
  const root = await temporaryDirectory();
  await writeFile(join(root, "real"), "old");
  await symlink("real", join(root, "link"));
  await replaceFile(join(root, "link"), "old", "new", root);
  expect((await lstat(join(root, "link"))).isSymbolicLink()).toBe(true);
  expect(await readFile(join(root, "real"), "utf8")).toBe("new");
});

test("what is not what was read, or lies elsewhere, is left alone", async () => {
  const directory = await temporaryDirectory();
  const root = join(directory, "project");
  const outside = join(directory, "outside");
  await mkdir(root);
  await writeFile(outside, "old");
  await writeFile(join(root, "changed"), "newer");
  await writeFile(join(root, "latin"), Buffer.from([0x6f, 0x6c, 0x64, 0xe9]));
  await symlink(outside, join(root, "link"));
  await symlink("loop", join(root, "loop"));
  await mkdir(join(root, "directory"));
  await promisify(execFile)("mkfifo", [join(root, "pipe")]);
  const refused = async (path: string, message: string): Promise<void> =>
    await expect(replaceFile(path, "old", "new", root)).rejects.toMatchObject({
      code: "CHECK_FIX_FAILED",
      message: expect.stringContaining(message) as string,
    });
  await refused(join(root, "changed"), "was changed since it was read");
  await refused(join(root, "latin"), "is not UTF-8, or was changed since it was read");
  await refused(join(root, "link"), "leads to");
  await refused(outside, "lies outside");
  await refused(join(root, "loop"), "cannot be found: ELOOP");
  await refused(join(root, "missing"), "cannot be found: ENOENT");
  await refused(join(root, "directory"), "is no plain file any more");
  await refused(join(root, "pipe"), "is no plain file any more");
  expect(await readFile(outside, "utf8")).toBe("old");
  expect((await readdir(root)).filter((name) => name.startsWith("."))).toEqual([]);
});

test("a directory that cannot be written leaves the file as it is", async () => {
  const root = await temporaryDirectory();
  const file = join(root, "f");
  await writeFile(file, "old");
  await rm(root, { recursive: true });
  await expect(replaceFile(file, "old", "new", root)).rejects.toMatchObject({ code: "CHECK_FIX_FAILED" });
});
