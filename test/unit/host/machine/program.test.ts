import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findProgram, lastLines, runProgram } from "../../../../src/host/machine/program.ts";

test("a program of the host can never wait for a key, and its end is kept", async () => {
  expect(await runProgram(["sh", "-c", "cat; echo out; echo err >&2; exit 4"], { cwd: "/" })).toMatchObject({
    exitCode: 4,
    stdout: "out\n",
    missing: false,
  });
  const lines: string[] = [];
  await runProgram(["printf", "a\\nb\\rc\\n"], { cwd: "/", onLine: (line) => lines.push(line) });
  expect(lines).toEqual(["a", "b", "c"]);
  expect(await runProgram(["/no/such/program"], { cwd: "/" })).toMatchObject({ exitCode: null, missing: true });
  expect(await runProgram(["sleep", "60"], { cwd: "/", timeoutMs: 50 })).toMatchObject({ exitCode: null, missing: false });
  expect(lastLines("a\n\nb\nc\n", 2)).toBe("  b\n  c");
});

test("a program is looked for on PATH, then where administration tools lie, and never in a relative directory", async () => {
  const directory = await mkdtemp(join(tmpdir(), "novabot-path-"));
  try {
    await mkdir(join(directory, "sub"));
    await mkdir(join(directory, "sh"));
    await writeFile(join(directory, "sub/sh"), "#!/bin/sh\n");
    expect(findProgram("sh", { PATH: `${directory}:${directory}/sub` }), "neither a directory nor what may not be run").toMatch(
      /^\/(usr\/)?bin\/sh$/,
    );
    await chmod(join(directory, "sub/sh"), 0o755);
    expect(findProgram("sh", { PATH: `.:${directory}/sub` })).toBe(join(directory, "sub/sh"));
    expect(findProgram("sh", { PATH: ".:/no/such/directory" })).toMatch(/^\/(usr\/)?bin\/sh$/);
    expect(findProgram("sh", {})).toMatch(/\/sh$/);
    expect(findProgram("no-such-program", process.env)).toBeUndefined();
  } finally {
    await rm(directory, { recursive: true });
  }
});
