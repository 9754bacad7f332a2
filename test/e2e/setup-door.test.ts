import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";

let root: string;
let checkout: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "novabot-door-"));
  checkout = join(root, "check out");
  await mkdir(join(checkout, "src/cli"), { recursive: true });
  await copyFile(new URL("../../novabot", import.meta.url), join(checkout, "novabot"));
  const name = { name: "door", version: "1.0.0" };
  await writeFile(join(checkout, "package.json"), JSON.stringify(name));
  await writeFile(join(checkout, "package-lock.json"), JSON.stringify({ ...name, lockfileVersion: 3, packages: { "": name } }));
  await writeFile(join(checkout, "src/cli/main.ts"), "console.log(JSON.stringify(process.argv.slice(2) as string[]));\n");
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const here = dirname(process.execPath);

async function open(args: readonly string[], options: { path?: string; door?: string; cwd?: string } = {}): Promise<Result> {
  const child = spawn(options.door ?? join(checkout, "novabot"), args, {
    cwd: options.cwd ?? checkout,
    env: { HOME: root, PATH: options.path ?? `${here}:${process.env["PATH"]}` },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const code = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}

/** A directory with the tools that the door itself needs, and nothing else. */
async function barePath(): Promise<string> {
  const directory = join(root, "bin");
  await mkdir(directory);
  for (const name of ["cat", "cksum", "dirname", "grep", "head", "mkdir", "mv", "readlink", "rm", "sh", "sleep", "uname"]) {
    await symlink(existsSync(join("/bin", name)) ? join("/bin", name) : join("/usr/bin", name), join(directory, name));
  }
  return directory;
}

test("brings what is missing once, says so on stderr only, and passes every argument on", async () => {
  const args = ["run", "a b", "", "$HOME", "--", "-x"];
  const first = await open(args);
  expect(first).toMatchObject({ code: 0, stdout: `${JSON.stringify(args)}\n` });
  expect(first.stderr).toBe("novabot: the dependencies are missing; running npm ci\n");
  expect(await open(["x"])).toMatchObject({ code: 0, stdout: '["x"]\n', stderr: "" });
});

test("brings them anew when package-lock.json has changed", async () => {
  await open([]);
  const lock = join(checkout, "package-lock.json");
  await writeFile(lock, `${await readFile(lock, "utf8")}\n`);
  expect((await open([])).stderr).toBe("novabot: the dependencies do not match package-lock.json; running npm ci\n");
});

test("works through links and from anywhere", async () => {
  await open([]);
  await symlink("check out", join(root, "linked"));
  await symlink("linked/novabot", join(root, "nova"));
  await mkdir(join(root, "elsewhere"));
  await symlink("../nova", join(root, "elsewhere/n"));
  expect(await open(["x"], { door: "./n", cwd: join(root, "elsewhere") })).toMatchObject({
    code: 0,
    stdout: '["x"]\n',
    stderr: "",
  });
});

test("two at once install once", async () => {
  const both = await Promise.all([open(["1"]), open(["2"])]);
  expect(both.map(({ stdout }) => stdout).sort()).toEqual(['["1"]\n', '["2"]\n']);
  expect(
    both
      .map(({ stderr }) => stderr)
      .join("")
      .match(/running npm ci/g),
  ).toHaveLength(1);
});

test("takes over the lock of an installer that is dead", async () => {
  await mkdir(join(checkout, ".cache/install"), { recursive: true });
  await writeFile(join(checkout, ".cache/install/pid"), "999999999");
  expect(await open(["x"])).toMatchObject({ code: 0, stdout: '["x"]\n' });
});

test("shows npm's reason when it fails, and exits with 2", async () => {
  await writeFile(join(checkout, "package-lock.json"), "{ broken");
  const result = await open(["x"]);
  expect(result).toMatchObject({ code: 2, stdout: "" });
  expect(result.stderr).toContain("npm ci failed");
  expect((await open(["x"])).stderr, "the next one tries again").toContain("running npm ci");
});

test("says what to install without npm, without Node, and with an old one", async () => {
  const path = await barePath();
  expect(await open([], { path })).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("npm is not installed"),
  });
  await open([]);
  expect(await open([], { path })).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("no Node for this machine"),
  });
  await writeFile(join(path, "node"), '#!/bin/sh\n[ "$1" = -p ] && echo 20 || echo v20.1.0\n');
  await chmod(join(path, "node"), 0o755);
  expect((await open([], { path })).stderr).toContain("is Node v20.1.0, and NovaBot needs Node 24 or newer");
});
