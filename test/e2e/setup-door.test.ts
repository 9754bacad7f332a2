import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let root: string;
let checkout: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "novabot-door-"));
  checkout = join(root, "check out");
  await mkdir(join(checkout, "src/cli"), { recursive: true });
  await mkdir(join(checkout, "bin"));
  for (const door of ["novabot", "bin/novabot.cjs"])
    await copyFile(new URL(`../../${door}`, import.meta.url), join(checkout, door));
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

/** `heard` is told what comes on stderr, as it comes. */
async function open(
  args: readonly string[],
  options: { path?: string; door?: string; cwd?: string; heard?: (part: string) => void } = {},
): Promise<Result> {
  const child = spawn(options.door ?? join(checkout, "novabot"), args, {
    cwd: options.cwd ?? checkout,
    env: { HOME: root, PATH: options.path ?? `${here}:${process.env["PATH"]}` },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const code = new Promise<number | null>((resolve) => child.on("close", resolve));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    stderr += part;
    options.heard?.(part);
  });
  const stdout = await text(child.stdout);
  return { code: await code, stdout, stderr };
}

async function linkTool(name: string, directory: string): Promise<void> {
  await symlink(existsSync(join("/bin", name)) ? join("/bin", name) : join("/usr/bin", name), join(directory, name));
}

/** A directory with the tools that the door itself needs, and nothing else. */
async function barePath(): Promise<string> {
  const directory = join(root, "bin");
  await mkdir(directory);
  const tools = [
    "cat",
    "cksum",
    "cut",
    "dirname",
    "grep",
    "head",
    "ln",
    "mkdir",
    "mv",
    "readlink",
    "rm",
    "sed",
    "sh",
    "sleep",
    "uname",
  ];
  for (const name of tools) await linkTool(name, directory);
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

describe.each([
  ["flock", true],
  ["a link, where there is no flock", false],
])("one process at a time, by %s", (_name, withFlock) => {
  let path: string;
  const link = (): string => join(checkout, ".cache/install.owner");

  // Stands in for npm: notes each call, and when another is at work at the same time.
  const npm = (work: string): string => `#!/bin/sh
mkdir "$HOME/inside" || echo overlap >>"$HOME/calls"
echo call >>"$HOME/calls"
${work}
rmdir "$HOME/inside"
`;
  const calls = async (): Promise<string[]> => (await readFile(join(root, "calls"), "utf8")).trim().split("\n");

  beforeEach(async () => {
    const directory = await barePath();
    for (const name of ["rmdir", ...(withFlock ? ["flock"] : [])]) await linkTool(name, directory);
    await symlink(process.execPath, join(directory, "node"));
    await writeFile(join(directory, "npm"), npm("sleep 0.3"), { mode: 0o755 });
    path = directory;
  });

  test("six at once install once", async () => {
    // It is at work until all the others wait for it.
    await writeFile(join(path, "npm"), npm('until [ -e "$HOME/go" ]; do sleep 0.05; done'), { mode: 0o755 });
    let said = "";
    const heard = (part: string): void => {
      said += part;
      if (said.match(/another process.* is installing the dependencies; waiting/g)?.length === 5)
        writeFileSync(join(root, "go"), "");
    };
    const all = await Promise.all(Array.from({ length: 6 }, (_, index) => open([String(index)], { path, heard })));
    expect(all.map(({ stdout }) => stdout)).toEqual(all.map((_, index) => `["${index}"]\n`));
    expect(await calls()).toEqual(["call"]);
  });

  test("six at once over what a dead installer left install once", async () => {
    const dead = spawn("true");
    await once(dead, "exit");
    await mkdir(join(checkout, ".cache"));
    await symlink(`pid:${dead.pid}`, link());
    await writeFile(join(checkout, ".cache/install.lock"), "");
    const all = await Promise.all(Array.from({ length: 6 }, (_, index) => open([String(index)], { path })));
    expect(all.map(({ code }) => code)).toEqual(all.map(() => 0));
    expect(await calls()).toEqual(["call"]);
  });

  test("an installer that is killed with its npm leaves the way free", async () => {
    await writeFile(join(path, "npm"), npm('echo >"$HOME/started"; exec sleep 600'), { mode: 0o755 });
    await once(spawn("mkfifo", [join(root, "started")]), "exit");
    const killed = spawn(join(checkout, "novabot"), [], { env: { HOME: root, PATH: path }, detached: true, stdio: "ignore" });
    await readFile(join(root, "started"));
    process.kill(-(killed.pid ?? 0), "SIGKILL");
    await once(killed, "exit");
    await rm(join(root, "inside"), { recursive: true });
    await writeFile(join(path, "npm"), npm(""), { mode: 0o755 });
    expect(await open(["x"], { path })).toMatchObject({ code: 0, stdout: '["x"]\n' });
    expect(await calls()).toEqual(["call", "call"]);
  });

  test("one that fails leaves the way free", async () => {
    await writeFile(join(path, "npm"), "#!/bin/sh\necho no >&2; exit 1\n", { mode: 0o755 });
    for (let time = 0; time < 2; time += 1)
      expect(await open(["x"], { path })).toMatchObject({ code: 2, stderr: expect.stringContaining("npm ci failed") as string });
  });

  test("a checkout that cannot be written is told", async () => {
    // Root may write everywhere but where there can be nothing.
    await symlink("/proc/self/nowhere", join(checkout, ".cache"));
    expect(await open([], { path })).toMatchObject({ code: 2, stderr: expect.stringContaining("cannot be written") as string });
  });

  test("a link without an owner is told, or no matter; it is not waited for", async () => {
    await mkdir(join(checkout, ".cache"));
    await symlink("nobody", link());
    const told = { code: 2, stderr: expect.stringContaining(`${link()} cannot be made or read. Remove it`) as string };
    expect(await open(["x"], { path })).toMatchObject(withFlock ? { code: 0, stdout: '["x"]\n' } : told);
  });

  // The packages of Node that the test makes are for Linux.
  test.skipIf(process.platform !== "linux")(
    "npm runs on our own Node where the machine's is older, whole or not at all",
    async () => {
      const name = `node-linux-${process.arch}`;
      const manifest = { name: "door", version: "1.0.0", optionalDependencies: { [name]: "24.0.1" } };
      await writeFile(join(checkout, "package.json"), JSON.stringify(manifest, null, 2));
      await rm(join(path, "node"));
      await writeFile(join(path, "node"), '#!/bin/sh\n[ "$1" = -p ] && echo 18 || echo v18.0.0\n', { mode: 0o755 });
      // A fetch that breaks off halfway must not be taken for a Node; then one that works.
      const fetch = `
case $1 in install) ;; *) command -v node >>"$HOME/ran-on"; exit 0 ;; esac
echo "$*" >>"$HOME/fetched"
mkdir -p "$3/node_modules/${name}/bin"
ln -s ${process.execPath} "$3/node_modules/${name}/bin/node"`;
      await writeFile(join(path, "npm"), `#!/bin/sh${fetch}\necho broke off >&2; exit 1\n`, { mode: 0o755 });
      expect((await open([], { path })).stderr).toContain(`npm could not fetch ${name}@24.0.1`);
      await writeFile(join(path, "npm"), `#!/bin/sh${fetch}\n`, { mode: 0o755 });
      await open([], { path });
      const fetched = (await readFile(join(root, "fetched"), "utf8")).trim().split("\n");
      expect(fetched).toHaveLength(2);
      expect(fetched[1]).toContain(`--ignore-scripts ${name}@24.0.1`);
      expect(await readFile(join(root, "ran-on"), "utf8")).toBe(
        `${join(checkout, ".cache/node-24.0.1/node_modules", name, "bin/node")}\n`,
      );
    },
  );
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
