import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ErrorGroup } from "../../../../src/model/record.ts";
import { watchErrors } from "../../../../src/supervisor/errors/watch-errors.ts";
import { blockOf } from "./blocks.ts";

// What the real programs of this machine write when something goes wrong, through real pipes, each line as it comes.

const require = createRequire(import.meta.url);
const files: Readonly<Record<string, string>> = {
  "thrown.mjs": "function place(id) {\n  throw new TypeError(`order ${id} is closed`);\n}\nplace(17);\n",
  "cause.mjs":
    'class OrderFailure extends Error { name = "OrderFailure" }\nclass Lost extends Error {}\ntry { throw new Lost("no row 5") } catch (cause) { throw new OrderFailure("cannot place", { cause }) }\n',
  "rejected.mjs": 'console.log("starting");\nPromise.reject(new RangeError("late"));\n',
  "logged.mjs": 'console.log("one");\nconsole.error("request failed:", new Error("no answer"));\nconsole.log("two");\n',
  "text.mjs": 'throw "only a text";\n',
  "refused.mjs": 'import { connect } from "node:net";\nconnect(1, "127.0.0.1");\n',
  "missing.mjs": "const name = './nothing-here.mjs';\nawait import(name);\n",
  "syntax.mjs": "const x: = ;\n",
  "warned.mjs": 'process.emitWarning("an Error: is near");\nconsole.warn("warn: Error: almost");\n',
  "types.ts": 'const count: number = "x";\nexport const size = count.wide;\n',
  "bundle.js": 'import { a } from "left-pad-of-nobody";\nconsole.log(a);\n',
  "chain.py":
    'class Closed(Exception): pass\ndef load(key): return {}[key]\ndef run():\n    try: load("user_17")\n    except KeyError as error: raise Closed("cannot load") from error\nrun()\n',
  "syntax.py": "def f(:\n  pass\n",
  "deep.py": "def f(n): return f(n + 1)\nf(0)\n",
  "die.pl": 'sub place { die "order 17 is closed" }\nplace();\n',
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "novabot-errors-"));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a program and watches both its streams. */
async function errorsOf(command: string, ...args: string[]): Promise<ErrorGroup[]> {
  const watch = watchErrors({ onError: () => {} });
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawn(command, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"], env: { ...env, NO_COLOR: "1" } });
  let seq = 1;
  for (const stream of ["stdout", "stderr"] as const) {
    let rest = "";
    const look = (text: string): void => {
      const block = blockOf(text, { stream });
      watch.look(block, seq);
      seq += block.ends.length;
    };
    child[stream].setEncoding("utf8").on("data", (piece: string) => {
      const lines = (rest + piece).split(/(?<=\n)/);
      rest = lines.at(-1)?.endsWith("\n") === true ? "" : (lines.pop() ?? "");
      for (const line of lines) look(line);
    });
    child[stream].on("end", () => {
      if (rest !== "") look(rest);
    });
  }
  await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  watch.ended("app");
  return watch.list({ limit: 20 }).groups.toReversed();
}

const node = process.execPath;
const tsc = join(dirname(require.resolve("typescript/package.json")), "bin/tsc");
const esbuild = join(dirname(require.resolve("esbuild/package.json")), "bin/esbuild");
const programs: readonly (readonly [title: string, command: readonly string[], expected: Partial<ErrorGroup>])[] = [
  [
    "Node: thrown",
    [node, "thrown.mjs"],
    { source: "node", category: "type", severity: "fatal", name: "TypeError", message: "order 17 is closed" },
  ],
  [
    "Node: its own name and a cause",
    [node, "cause.mjs"],
    { source: "node", severity: "fatal", name: "OrderFailure", message: "cannot place" },
  ],
  [
    "Node: rejected",
    [node, "rejected.mjs"],
    { source: "node", category: "runtime", severity: "fatal", name: "RangeError", message: "late" },
  ],
  ["Node: logged", [node, "logged.mjs"], { source: "node", severity: "error", name: "Error", message: "no answer" }],
  ["Node: a text", [node, "text.mjs"], { source: "node", severity: "fatal", name: "", message: "only a text" }],
  [
    "Node: no connection",
    [node, "refused.mjs"],
    { source: "node", category: "network", message: "connect ECONNREFUSED 127.0.0.1:1" },
  ],
  ["Node: no module", [node, "missing.mjs"], { source: "node", category: "import", name: "Error" }],
  ["Node: no syntax", [node, "syntax.mjs"], { source: "node", category: "syntax", name: "SyntaxError" }],
  [
    "Python: a chain",
    ["python3", "chain.py"],
    { source: "python", category: "runtime", severity: "error", name: "Closed", message: "cannot load" },
  ],
  ["Python: no syntax", ["python3", "syntax.py"], { source: "python", category: "syntax", name: "SyntaxError" }],
  [
    "Python: too deep",
    ["python3", "deep.py"],
    { source: "python", name: "RecursionError", message: "maximum recursion depth exceeded" },
  ],
  [
    "esbuild",
    [node, esbuild, "bundle.js", "--bundle", "--log-level=error"],
    { source: "vite", category: "import", message: 'Could not resolve "left-pad-of-nobody"' },
  ],
  ["Perl", ["perl", "die.pl"], { source: "plain", category: "other", message: "order 17 is closed" }],
  ["a shell: no program", ["sh", "-c", "no-such-program-here"], { source: "plain", category: "other" }],
  ["a shell: no syntax", ["sh", "-c", "if"], { source: "plain", category: "syntax" }],
];

test.each(programs)("%s", async (_, [command = "", ...args], expected) => {
  const [group] = await errorsOf(command, ...args);
  expect(group).toMatchObject(expected);
  expect(group?.lines.join("\n")).toContain(expected.message ?? "");
});

test.each([
  ["as text", "--pretty", "false"],
  ["with colours and code", "--pretty", "true"],
])("tsc %s", async (_, ...pretty) => {
  const found = await errorsOf(node, tsc, "--noEmit", "--ignoreConfig", ...pretty, "types.ts");
  expect(found.map(({ source, category, name, message }) => [source, category, name, message])).toEqual([
    ["typescript", "type", "TS2322", "Type 'string' is not assignable to type 'number'."],
    ["typescript", "type", "TS2339", "Property 'wide' does not exist on type 'number'."],
  ]);
});

test("a warning is no error", async () => {
  expect(await errorsOf(node, "warned.mjs")).toEqual([]);
});

test("the same error of a program is the same in another directory", async () => {
  const [here] = await errorsOf(node, "thrown.mjs");
  const [there] = await errorsOf(node, join(folder, "thrown.mjs"));
  expect(there?.fingerprint).toBe(here?.fingerprint);
});
