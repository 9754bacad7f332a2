import { execFile } from "node:child_process";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { filterEnv, readEnvFile, renderEnvFile } from "../../../../src/agents/home/env-file.ts";
import { temporaryDirectory, temporaryHome } from "../../../fixtures/home.ts";

const run = promisify(execFile);

/** What a program in a real shell gets for each name after the file is sourced. */
async function sourced(shell: string, file: string, names: readonly string[]): Promise<Record<string, string | null>> {
  const script = `. '${file}' && exec '${process.execPath}' -e 'console.log(JSON.stringify(Object.fromEntries(process.argv.slice(1).map(n => [n, process.env[n] ?? null]))))' -- "$@"`;
  const { stdout } = await run(shell, ["-c", script, shell, ...names], { env: {} });
  return JSON.parse(stdout);
}

const values: Record<string, string> = {
  SINGLE: "it's 'quoted'",
  DOUBLE: 'say "hi"',
  SPACES: "  two  spaces  ",
  HASH: "a # b",
  DOLLAR: "$HOME ${PATH} $$",
  COMMAND: "$(touch /tmp/novabot-must-not-exist) `id`",
  LINES: "first\nsecond\n\nfourth",
  CARRIAGE: "a\r\nb\r",
  BACKSLASH: "c:\\dir\\n \\",
  EXPORT: "export A=1; exit 3",
  UNICODE: "käse ☃ 🧀 \u202e",
  BANG: "!history !!",
  SEMI: "a;b&c|d>e<f",
  LONG: "x".repeat(100_000),
};

test.each(["/bin/sh", "/bin/bash"])("%s takes every value byte for byte and runs nothing", async (shell) => {
  const file = join(await temporaryDirectory(), "env");
  await writeFile(file, renderEnvFile(new Map(Object.entries(values))));
  expect(await sourced(shell, file, Object.keys(values))).toEqual(values);
});

test("values come out of an env file as they stand there", () => {
  const text = [
    "# a comment",
    "PLAIN=value",
    "export EXPORTED=yes",
    'QUOTED="a # b" # comment',
    "SINGLE='$(id) $HOME'",
    'MULTI="first',
    'second"',
    "SPACED =  around  ",
    "HASHED=value # comment",
    "WINDOWS=crlf\r",
    "OTHER=not wanted",
    "ANTHROPIC_API_KEY=sk-ant-1=2==",
  ].join("\n");
  const names = ["PLAIN", "EXPORTED", "QUOTED", "SINGLE", "MULTI", "SPACED", "HASHED", "WINDOWS", "ANTHROPIC_API_KEY", "MISSING"];
  expect(Object.fromEntries(filterEnv(text, names, ".env"))).toEqual({
    PLAIN: "value",
    EXPORTED: "yes",
    QUOTED: "a # b",
    SINGLE: "$(id) $HOME",
    MULTI: "first\nsecond",
    SPACED: "around",
    HASHED: "value",
    WINDOWS: "crlf",
    ANTHROPIC_API_KEY: "sk-ant-1=2==",
  });
});

test("only wanted names pass, whatever else the file holds", () => {
  const filtered = filterEnv("ANTHROPIC_API_KEYS=a\nXANTHROPIC_API_KEY=b\nANTHROPIC_API_KEY=c\n", ["ANTHROPIC_API_KEY"], ".env");
  expect([...filtered]).toEqual([["ANTHROPIC_API_KEY", "c"]]);
});

test.each([
  ["KEY", /has no =/, 1],
  ["A=1\nexport KEY", /has no =/, 2],
  ['A=1\nKEY="open\nB=2', /quote that does not end/, 2],
])("a wanted name without a value is told with its line: %j", (text, message, line) => {
  expect(() => filterEnv(text, ["KEY"], "/home/.env")).toThrow(
    expect.objectContaining({ code: "ENV_INVALID", message: expect.stringMatching(message), place: `/home/.env:${line}` }),
  );
});

test("a link in the env file's place is refused, so that an agent cannot have another file read", async () => {
  const home = await temporaryHome();
  await symlink("/etc/passwd", home.envFile);
  await expect(readEnvFile(home, ["A"])).rejects.toMatchObject({ code: "HOME_UNSAFE_PATH", place: home.envFile });
});

test("no file means no variables", async () => {
  expect(await readEnvFile(await temporaryHome(), ["A"])).toEqual(new Map());
});
