import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

// The worker image's patchctl, with this machine's own python3 and git.

const patchctl = fileURLToPath(new URL("../../images/worker/patchctl", import.meta.url));
const manager = fileURLToPath(new URL("../../images/worker/patch_manager.py", import.meta.url));

interface Answer {
  readonly ok: boolean;
  readonly id?: string;
  readonly changed?: readonly { readonly path: string; readonly what: string }[];
  readonly sets?: readonly { readonly id: string; readonly drift?: readonly unknown[]; readonly paths?: readonly string[] }[];
  readonly drift?: readonly { readonly path: string; readonly what: string }[];
  readonly recovered?: boolean;
  readonly error?: { readonly code: string; readonly message: string; readonly next: string };
}

let folder = "";
let workspace = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "novabot-patchctl-"));
  workspace = join(folder, "workspace");
  await put("src/a.txt", "one\ntwo\nthree\n");
  await put("src/b.txt", "alpha\nbeta\n");
  await put("old.txt", "goes\n");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(workspace, path)), { recursive: true });
  await writeFile(join(workspace, path), content);
}

const read = (path: string): Promise<string> => readFile(join(workspace, path), "utf8");

async function run(...args: string[]): Promise<{ status: number | null; answer: Answer; text: string }> {
  return await new Promise((resolve, reject) => {
    const child = spawn(patchctl, ["--json", "--workspace", workspace, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      cwd: folder,
    });
    let text = "";
    let complaint = "";
    child.stdout.setEncoding("utf8").on("data", (piece: string) => (text += piece));
    child.stderr.setEncoding("utf8").on("data", (piece: string) => (complaint += piece));
    child.on("error", reject).on("close", (status) => {
      try {
        resolve({ status, answer: JSON.parse(text) as Answer, text });
      } catch {
        reject(new Error(`patchctl answered ${JSON.stringify(text)} and wrote ${JSON.stringify(complaint)}`));
      }
    });
  });
}

/** A set of patches in a directory of its own. */
async function makeSet(name: string, patches: Readonly<Record<string, string>>, manifest?: unknown): Promise<string> {
  const directory = join(folder, name);
  await mkdir(directory, { recursive: true });
  for (const [file, content] of Object.entries(patches)) await writeFile(join(directory, file), content);
  if (manifest !== undefined) await writeFile(join(directory, "manifest.json"), JSON.stringify(manifest));
  return directory;
}

/** What `diff -u` would say of one changed line. */
function changeOf(path: string, before: string, from: string, to: string): string {
  const lines = before.trimEnd().split("\n");
  const body = lines.map((line) => (line === from ? `-${from}\n+${to}\n` : ` ${line}\n`)).join("");
  return `--- a/${path}\n+++ b/${path}\n@@ -1,${lines.length} +1,${lines.length} @@\n${body}`;
}

function additionOf(path: string, line: string, mode = "100644"): string {
  return `diff --git a/${path} b/${path}\nnew file mode ${mode}\n--- /dev/null\n+++ b/${path}\n@@ -0,0 +1 @@\n+${line}\n`;
}

const two = changeOf("src/a.txt", "one\ntwo\nthree\n", "two", "TWO");
const removal = "diff --git a/old.txt b/old.txt\ndeleted file mode 100644\n--- a/old.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-goes\n";
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** All files of the workspace but patchctl's own, with their content. */
async function contents(): Promise<Record<string, string>> {
  const entries = await readdir(workspace, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(workspace.length + 1));
  const kept = files.filter((path) => !path.startsWith(".patchctl/") && !path.startsWith(".git/")).sort();
  return Object.fromEntries(await Promise.all(kept.map(async (path) => [path, await read(path)] as const)));
}

const before = { "old.txt": "goes\n", "src/a.txt": "one\ntwo\nthree\n", "src/b.txt": "alpha\nbeta\n" };
const after = { "new/run.sh": "echo hi\n", "src/a.txt": "one\nTWO\nthree\n", "src/b.txt": "alpha\nbeta\n" };
const mixed = { "01.patch": two, "02.diff": removal + additionOf("new/run.sh", "echo hi", "100755") };

describe("a set", () => {
  test("is applied in order, listed, verified and reverted", async () => {
    const set = await makeSet("fix", mixed);
    await chmod(join(workspace, "src/a.txt"), 0o640);
    const applied = await run("apply", set);
    expect([applied.status, applied.answer]).toEqual([
      0,
      {
        ok: true,
        command: "apply",
        id: "fix",
        changed: [
          { path: "new/run.sh", what: "added" },
          { path: "old.txt", what: "removed" },
          { path: "src/a.txt", what: "changed" },
        ],
      },
    ]);
    expect(await contents()).toEqual(after);
    expect((await stat(join(workspace, "new/run.sh"))).mode & 0o111).not.toBe(0);
    expect((await stat(join(workspace, "src/a.txt"))).mode & 0o777).toBe(0o640);
    expect((await run("list")).answer.sets).toMatchObject([{ id: "fix", paths: ["new/run.sh", "old.txt", "src/a.txt"] }]);
    expect(await run("verify")).toMatchObject({ status: 0, answer: { sets: [{ id: "fix", drift: [] }] } });
    expect((await run("revert")).status).toBe(0);
    expect(await contents()).toEqual(before);
    expect(await readdir(workspace)).not.toContain("new");
    expect((await run("list")).answer.sets).toEqual([]);
  });

  test("may be a manifest with an id, an order and checksums", async () => {
    const second = changeOf("src/a.txt", "one\nTWO\nthree\n", "TWO", "2");
    const patches = ["b.patch", { file: "a.patch", sha256: sha256(second) }];
    const set = await makeSet(
      "anything",
      { "b.patch": two, "a.patch": second },
      { id: "login-2", description: "two steps", patches },
    );
    expect((await run("apply", set)).answer.id).toBe("login-2");
    expect(await read("src/a.txt")).toBe("one\n2\nthree\n");
    expect((await run("list")).answer.sets).toMatchObject([{ id: "login-2", description: "two steps" }]);
    expect((await run("apply", join(set, "manifest.json"))).answer).toMatchObject({ ok: true, changed: [] });
  });

  test.each([
    ["a wrong checksum", { patches: [{ file: "01.patch", sha256: "0".repeat(64) }] }, "SET_CHECKSUM"],
    ["a missing patch", { patches: ["02.patch"] }, "SET_INVALID"],
    ["no patches", { patches: [] }, "SET_INVALID"],
    ["a strange id", { id: "../x", patches: ["01.patch"] }, "SET_INVALID"],
    ["a patch outside", { patches: ["../workspace/src/a.txt"] }, "SET_INVALID"],
    ["no list", { patches: "01.patch" }, "SET_INVALID"],
  ])("with %s is refused", async (_, manifest, code) => {
    const set = await makeSet("set", { "01.patch": two }, manifest);
    expect(await run("apply", set)).toMatchObject({ status: 2, answer: { ok: false, error: { code } } });
    expect(await contents()).toEqual(before);
  });

  test("is taken whole or not at all", async () => {
    const wrong = changeOf("src/b.txt", "alpha\nother\n", "alpha", "x");
    const set = await makeSet("half", { "01.patch": two, "02.patch": wrong });
    expect(await run("apply", set)).toMatchObject({ status: 1, answer: { error: { code: "PATCH_FAILED" } } });
    expect(await contents()).toEqual(before);
    expect((await run("list")).answer.sets).toEqual([]);
    expect(await readdir(join(workspace, ".patchctl"))).not.toContainEqual(expect.stringMatching(/^stage-|transaction|journal/));
  });

  test("can be tried without changing anything", async () => {
    const set = await makeSet("fix", mixed);
    expect(await run("apply", set, "--dry-run")).toMatchObject({ status: 0, answer: { dryRun: true, changed: { length: 3 } } });
    expect(await contents()).toEqual(before);
  });

  test("of the same id with other patches is refused", async () => {
    await run("apply", await makeSet("fix", { "01.patch": two }));
    const other = await makeSet("other", { "01.patch": removal });
    expect(await run("apply", other, "--id", "fix")).toMatchObject({ status: 2, answer: { error: { code: "SET_EXISTS" } } });
  });

  test("applies inside a git repository without touching the repository", async () => {
    const git = (...args: string[]): Promise<{ stdout: string }> =>
      promisify(execFile)("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], { cwd: workspace });
    await git("init", "-q");
    await git("add", ".");
    await git("commit", "-qm", "start");
    // A repository's own settings do not decide how a patch is applied.
    await git("config", "apply.whitespace", "error-all");
    const spaces = changeOf("src/a.txt", "one\ntwo\nthree\n", "two", "two  ");
    expect((await run("apply", await makeSet("fix", { "01.patch": spaces }))).status).toBe(0);
    expect((await git("status", "--porcelain")).stdout).toBe(" M src/a.txt\n");
  });

  test("renames, copies modes and takes names with spaces and quotes", async () => {
    await put('has "space".txt', "x\n");
    const rename = "diff --git a/src/b.txt b/moved/c.txt\nsimilarity index 100%\nrename from src/b.txt\nrename to moved/c.txt\n";
    const mode = "diff --git a/old.txt b/old.txt\nold mode 100644\nnew mode 100755\n";
    const quoted = '--- "a/has \\"space\\".txt"\n+++ "b/has \\"space\\".txt"\n@@ -1 +1 @@\n-x\n+y\n';
    const set = await makeSet("many", { "01.patch": rename, "02.patch": mode, "03.patch": quoted });
    expect(await run("apply", set)).toMatchObject({ status: 0 });
    expect(await contents()).toMatchObject({ "moved/c.txt": "alpha\nbeta\n", 'has "space".txt': "y\n" });
    expect((await stat(join(workspace, "old.txt"))).mode & 0o111).toBe(0o111);
    expect((await run("revert", "many")).status).toBe(0);
    expect(await contents()).toEqual({ ...before, 'has "space".txt': "x\n" });
  });
});

describe("later changes", () => {
  test("are told by verify, and stop a revert", async () => {
    await run("apply", await makeSet("fix", mixed));
    await put("src/a.txt", "one\nTWO\nthree\nmine\n");
    await put("old.txt", "back\n");
    const verified = await run("verify", "fix");
    expect(verified).toMatchObject({ status: 1, answer: { ok: false, error: { code: "DRIFT" } } });
    expect(verified.answer.sets?.[0]?.drift).toEqual([
      { path: "old.txt", what: "there again" },
      { path: "src/a.txt", what: "changed" },
    ]);
    expect((await run("status")).answer.drift?.length).toBe(2);
    expect(await run("revert")).toMatchObject({ status: 1, answer: { error: { code: "LATER_CHANGES" } } });
    expect(await read("src/a.txt")).toBe("one\nTWO\nthree\nmine\n");
  });

  test("of another set stop a revert only where they are in the way", async () => {
    const long = Array.from({ length: 40 }, (_, index) => `${index}\n`).join("");
    await put("long.txt", long);
    const hunk = (at: number, from: string, to: string): string =>
      `--- a/long.txt\n+++ b/long.txt\n@@ -${at},3 +${at},3 @@\n ${at - 1}\n-${from}\n+${to}\n ${at + 1}\n`;
    await run("apply", await makeSet("first", { "1.patch": hunk(5, "5", "five") }));
    await run("apply", await makeSet("second", { "1.patch": hunk(30, "30", "thirty") }));
    expect(await run("apply", await makeSet("third", { "1.patch": hunk(5, "five", "FIVE") }))).toMatchObject({ status: 0 });
    const refused = await run("revert", "first");
    expect(refused).toMatchObject({ status: 1, answer: { error: { code: "LATER_CHANGES" } } });
    expect(refused.answer.error?.message).toContain("third");
    expect((await run("revert", "second")).status).toBe(0);
    expect((await run("verify")).status).toBe(0);
    expect((await run("revert")).answer.id).toBe("third");
    expect((await run("revert")).answer.id).toBe("first");
    expect(await read("long.txt")).toBe(long);
  });

  test("of a set that is not there are refused by its name", async () => {
    expect(await run("revert")).toMatchObject({ status: 2, answer: { error: { code: "SET_NOT_FOUND" } } });
    expect(await run("verify", "nope")).toMatchObject({ status: 2, answer: { error: { code: "SET_NOT_FOUND" } } });
  });
});

describe("a hostile set", () => {
  const outside = "../outside.txt";
  const hostile: readonly (readonly [string, string])[] = [
    ["a path out of the workspace", `--- a/${outside}\n+++ b/${outside}\n@@ -0,0 +1 @@\n+x\n`],
    ["a path in the middle that leads out", additionOf("src/../../outside.txt", "x")],
    ["an absolute path", "--- /etc/x\n+++ /etc/x\n@@ -0,0 +1 @@\n+x\n"],
    ["a repository's hooks", additionOf(".git/hooks/post-checkout", "x", "100755")],
    ["a repository below", additionOf("src/.GIT/config", "x")],
    ["patchctl's own files", additionOf(".patchctl/state.json", "{}")],
    [
      "a link",
      "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n",
    ],
    ["a submodule", "diff --git a/m b/m\nnew file mode 160000\n--- /dev/null\n+++ b/m\n@@ -0,0 +1 @@\n+Subproject commit 0\n"],
    ["a rename out", `diff --git a/old.txt b/${outside}\nsimilarity index 100%\nrename from old.txt\nrename to ${outside}\n`],
    ["a quoted path out", '--- /dev/null\n+++ "b/\\056\\056/outside.txt"\n@@ -0,0 +1 @@\n+x\n'],
  ];

  test.each(hostile)("with %s is refused", async (_, patch) => {
    const set = await makeSet("set", { "01.patch": two, "02.patch": patch });
    expect(await run("apply", set)).toMatchObject({ status: 2, answer: { error: { code: "SET_UNSAFE" } } });
    expect(await contents()).toEqual(before);
    expect((await readdir(folder)).sort()).toEqual(["set", "workspace"]);
  });

  test("cannot write through links of the workspace", async () => {
    await mkdir(join(folder, "elsewhere"));
    await writeFile(join(folder, "elsewhere/x.txt"), "one\ntwo\nthree\n");
    await symlink(join(folder, "elsewhere"), join(workspace, "linked"));
    await symlink(join(folder, "elsewhere/x.txt"), join(workspace, "file.txt"));
    for (const path of ["linked/x.txt", "file.txt"]) {
      const set = await makeSet("set", { "01.patch": changeOf(path, "one\ntwo\nthree\n", "two", "TWO") });
      expect(await run("apply", set)).toMatchObject({ status: 2, answer: { error: { code: "SET_UNSAFE" } } });
    }
    const set = await makeSet("set", { "01.patch": additionOf("linked/new.txt", "x") });
    expect(await run("apply", set)).toMatchObject({ status: 2, answer: { error: { code: "SET_UNSAFE" } } });
    expect(await readdir(join(folder, "elsewhere"))).toEqual(["x.txt"]);
    expect(await readFile(join(folder, "elsewhere/x.txt"), "utf8")).toBe("one\ntwo\nthree\n");
  });

  test("cannot change a file outside that has another name in the workspace", async () => {
    await writeFile(join(folder, "shared.txt"), "one\ntwo\nthree\n");
    await link(join(folder, "shared.txt"), join(workspace, "shared.txt"));
    const set = await makeSet("set", { "01.patch": changeOf("shared.txt", "one\ntwo\nthree\n", "two", "TWO") });
    expect((await run("apply", set)).status).toBe(0);
    expect(await readFile(join(folder, "shared.txt"), "utf8")).toBe("one\ntwo\nthree\n");
  });

  test("cannot read the machine's files as patches", async () => {
    const set = await makeSet("set", {});
    await symlink("/etc/hostname", join(set, "01.patch"));
    expect(await run("apply", set)).toMatchObject({ status: 2, answer: { error: { code: "SET_UNSAFE" } } });
  });

  test("cannot make patchctl's directory another one", async () => {
    await mkdir(join(folder, "elsewhere"));
    await symlink(join(folder, "elsewhere"), join(workspace, ".patchctl"));
    expect(await run("apply", await makeSet("set", { "01.patch": two }))).toMatchObject({
      status: 2,
      answer: { error: { code: "WORKSPACE_INVALID" } },
    });
    expect(await readdir(join(folder, "elsewhere"))).toEqual([]);
  });
});

describe("patchctl that is stopped in the middle", () => {
  // Runs the given steps again and again, each time in processes of their own, and stops the first of them just before its nth change
  // on disk: by SIGKILL, or by the error that a full disk gives. Tells of each round how it ended and what was there afterwards.
  const harness = `
import io, json, os, signal, sys
from contextlib import redirect_stdout
folder, workspace, how = sys.argv[1:4]
calls = json.loads(sys.argv[4])
sys.path.insert(0, folder)
import patch_manager
left = 0
def counted(call):
    def step(*args, **kwargs):
        global left
        left -= 1
        if left == 0 and how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if left == 0:
            raise OSError(28, "No space left on device")
        return call(*args, **kwargs)
    return step
for name in ("rename", "unlink", "mkdir", "rmdir", "fsync", "fchmod"):
    setattr(os, name, counted(getattr(os, name)))
def run(call, at):
    global left
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        left = at
        said = io.StringIO()
        with redirect_stdout(said):
            status = patch_manager.main(["--json", "--workspace", workspace, *call])
        os.write(writer, json.dumps([said.getvalue(), left > 0]).encode())
        os._exit(status)
    os.close(writer)
    with open(reader) as file:
        said = file.read()
    _, status = os.waitpid(child, 0)
    answer, untouched = json.loads(said) if said else ["null", False]
    return os.waitstatus_to_exitcode(status), json.loads(answer), untouched
def contents():
    found = {}
    for directory, names, files in os.walk(workspace):
        names[:] = [name for name in names if name != ".patchctl"]
        for name in files:
            path = os.path.join(directory, name)
            with open(path) as file:
                found[os.path.relpath(path, workspace)] = file.read()
    return found
for at in range(1, 1000):
    first, _, untouched = run(calls[0], at)
    status, answer, _ = run(["status"], 0)
    told = {"at": at, "first": first, "status": status, "sets": answer.get("sets"), "recovered": answer.get("recovered"), "files": contents()}
    print(json.dumps(told), flush=True)
    if untouched:
        break
    if (len(answer["sets"]) == 1) == (calls[0][0] == "apply"):
        run(calls[1], 0)
`;

  interface Round {
    readonly at: number;
    readonly first: number;
    readonly status: number;
    readonly sets: readonly string[];
    readonly recovered: boolean;
    readonly files: Readonly<Record<string, string>>;
  }

  async function rounds(how: "kill" | "fail", calls: readonly (readonly string[])[]): Promise<Round[]> {
    const args = ["-B", "-c", harness, dirname(manager), workspace, how, JSON.stringify(calls)];
    const { stdout } = await promisify(execFile)("python3", args, { maxBuffer: 64 * 1024 * 1024 });
    return stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Round);
  }

  test.each(["kill", "fail"] as const)("(%s) has changed nothing or all of it when it applies", async (how) => {
    const set = await makeSet("fix", mixed);
    const all = await rounds(how, [["apply", set], ["revert"]]);
    for (const { at, status, sets, files } of all)
      expect([at, status, files]).toEqual([at, 0, sets.length === 1 ? after : before]);
    // The last ran to its end; of those before it some came before the point of no return, some after it.
    expect(all.length).toBeGreaterThan(20);
    expect(all.at(-1)).toMatchObject({ first: 0, sets: ["fix"] });
    expect(all.some(({ first, sets }) => first !== 0 && sets.length === 0)).toBe(true);
    expect(all.some(({ first, sets }) => first !== 0 && sets.length === 1)).toBe(how === "kill");
    expect(all.some(({ recovered }) => recovered)).toBe(how === "kill");
  });

  test.each(["kill", "fail"] as const)("(%s) has changed nothing or all of it when it reverts", async (how) => {
    const set = await makeSet("fix", mixed);
    await run("apply", set);
    const all = await rounds(how, [["revert"], ["apply", set]]);
    for (const { at, status, sets, files } of all)
      expect([at, status, files]).toEqual([at, 0, sets.length === 1 ? after : before]);
    expect(all.at(-1)).toMatchObject({ first: 0, sets: [] });
  });

  test("is not completed over somebody's later change, and says where the copies are", async () => {
    const set = await makeSet("fix", mixed);
    // Stops where the journal is there: the first change of the workspace fails, and so does everything after it.
    const stuck = harness
      .replace("if left == 0 and", "if left <= 0 and")
      .replace(
        "for at in range(1, 1000):",
        "for at in range(1, 1000):\n    if os.path.exists(workspace + '/.patchctl/journal.json'): break",
      );
    const args = [
      "-B",
      "-c",
      stuck.replace('status, answer, _ = run(["status"], 0)', "continue"),
      dirname(manager),
      workspace,
      "kill",
    ];
    await promisify(execFile)("python3", [...args, JSON.stringify([["apply", set]])]);
    await put("src/a.txt", "mine\n");
    const refused = await run("status");
    expect(refused).toMatchObject({ status: 1, answer: { error: { code: "RECOVERY" } } });
    expect(await read("src/a.txt")).toBe("mine\n");
    const copy = /\S+\/before\/\d+/.exec(refused.answer.error?.message ?? "")?.[0] ?? "";
    await writeFile(join(workspace, "src/a.txt"), await readFile(copy));
    expect(await run("status")).toMatchObject({ status: 0, answer: { recovered: true } });
    expect(await contents()).toEqual(after);
  });
});

test("two at once: one after the other, or the second is refused", async () => {
  const sets = await Promise.all(
    Array.from({ length: 4 }, (_, index) => makeSet(`set-${index}`, { "1.patch": additionOf(`new-${index}.txt`, "x") })),
  );
  const all = await Promise.all(sets.map((set) => run("apply", set)));
  expect(all.map((one) => one.status)).toEqual([0, 0, 0, 0]);
  expect((await run("list")).answer.sets?.length).toBe(4);

  const hold =
    "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()";
  const holder = spawn("python3", ["-c", hold, join(workspace, ".patchctl/lock")], { stdio: ["pipe", "pipe", "inherit"] });
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  expect(await run("list", "--wait", "0")).toMatchObject({ status: 2, answer: { error: { code: "BUSY" } } });
  holder.stdin.end();
  expect((await run("list", "--wait", "20")).status).toBe(0);
});

test("what is only looked at is left without a directory of patchctl's", async () => {
  expect((await run("status")).status).toBe(0);
  expect((await run("verify")).status).toBe(0);
  expect(await readdir(workspace)).not.toContain(".patchctl");
});

test("wrong calls and workspaces are told", async () => {
  expect(await run("frobnicate")).toMatchObject({ status: 2, answer: { error: { code: "USAGE" } } });
  await rm(workspace, { recursive: true });
  expect(await run("list")).toMatchObject({ status: 2, answer: { error: { code: "WORKSPACE_INVALID" } } });
});

test.each(["-1", "-0.5", "nan", "inf", "soon", ""])("--wait %j is refused by its name", async (text) => {
  const { status, answer } = await run("list", `--wait=${text}`);
  expect([status, answer.error?.code]).toEqual([2, "USAGE"]);
  expect(answer.error?.message).toContain(`--wait: '${text}' is no number of seconds`);
});

test("one of a thing is told as one", async () => {
  const tell = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)(patchctl, ["--workspace", workspace, ...args])).stdout;
  await run("apply", await makeSet("one", { "01.patch": two }));
  expect(await tell("list")).toBe("one\t1 patch\t1 file\t\n");
  expect(await tell("status")).toMatch(/^1 set on .*, 1 file, 0 of them changed since\n$/);
  await run("apply", await makeSet("more", { "01.patch": removal, "02.patch": additionOf("new.txt", "x") }));
  expect(await tell("list")).toContain("more\t2 patches\t2 files\t");
  expect(await tell("status")).toMatch(/^2 sets on .*, 3 files, /);
});

test("a state that cannot be read is told, not guessed", async () => {
  await run("apply", await makeSet("fix", mixed));
  await writeFile(join(workspace, ".patchctl/state.json"), "{");
  expect(await run("revert")).toMatchObject({ status: 2, answer: { error: { code: "STATE_INVALID" } } });
  expect(await contents()).toEqual(after);
});
