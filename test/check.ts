import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

// What `novabot test` runs once the machine is set up: types, rules, format, dead code, then the tests. Arguments go to vitest.

const root = dirname(import.meta.dirname);
const modules = join(root, "node_modules");
// Programs that start `node` get this one, whichever the machine has.
const env = { ...process.env, PATH: [dirname(process.execPath), join(modules, ".bin"), process.env["PATH"]].join(delimiter) };

const steps: readonly { readonly name: string; readonly argv: readonly string[] }[] = [
  { name: "types and layers", argv: ["typescript/bin/tsc", "-b"] },
  { name: "lint", argv: ["oxlint/bin/oxlint", "--type-aware"] },
  { name: "format", argv: ["oxfmt/bin/oxfmt", "--check", "."] },
  { name: "dead code", argv: ["knip/bin/knip.js"] },
];

interface Ended {
  readonly status: number;
  readonly output: Buffer;
}

/** Runs one of the packages' programs on this Node, keeping its output or passing it on. */
function run([file = "", ...args]: readonly string[], output: "keep" | "pass on"): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const stdio = output === "keep" ? "pipe" : "inherit";
  const child = spawn(process.execPath, [join(modules, file), ...args], { cwd: root, env, stdio: ["ignore", stdio, stdio] });
  const parts: Buffer[] = [];
  child.stdout?.on("data", (part: Buffer) => parts.push(part));
  child.stderr?.on("data", (part: Buffer) => parts.push(part));
  child.on("error", reject);
  child.on("close", (code) => resolve({ status: code ?? 1, output: Buffer.concat(parts) }));
  return promise;
}

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** vitest's own count, in one line that a program can read. A file that could not be run counts as one failure. */
function countOf(file: string): string {
  const result = JSON.parse(readFileSync(file, "utf8")) as {
    numPassedTests: number;
    numFailedTests: number;
    numPendingTests: number;
    numTodoTests: number;
    testResults: { status: string; assertionResults: { status: string }[] }[];
  };
  const unrun = result.testResults.filter(
    (one) => one.status === "failed" && !one.assertionResults.some((test) => test.status === "failed"),
  );
  const failed = result.numFailedTests + unrun.length;
  return `${result.numPassedTests} passed, ${failed} failed, ${result.numPendingTests + result.numTodoTests} skipped`;
}

async function main(): Promise<number> {
  for (const { name, argv } of steps) {
    const began = performance.now();
    const { status, output } = await run(argv, "keep");
    process.stdout.write(`${status === 0 ? "✓" : "✗"} ${name} (${seconds(began)})\n`);
    if (status !== 0) {
      process.stdout.write(output);
      return status;
    }
  }

  const scratch = mkdtempSync(join(tmpdir(), "novabot-check-"));
  try {
    const file = join(scratch, "result.json");
    const args = process.argv.slice(2).filter((argument) => argument !== "--");
    const { status } = await run(
      ["vitest/vitest.mjs", "run", "--reporter=default", "--reporter=json", `--outputFile=${file}`, ...args],
      "pass on",
    );
    // Without a result vitest itself went wrong, and has said so.
    if (existsSync(file)) process.stdout.write(`${countOf(file)}\n`);
    return status;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

process.exitCode = await main();
