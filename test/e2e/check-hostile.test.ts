import { spawn } from "node:child_process";
import { execFile } from "node:child_process";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import type { JSONReport } from "../../src/contract/report/json.ts";
import { project } from "../fixtures/check-project.ts";
import { finished, novabot } from "../fixtures/command-line.ts";

// A machine that tests other things meanwhile is slow; what must not happen is minutes, or gigabytes.
const MOST_SECONDS = 120;
const MOST_MEGABYTES = 1500;

interface Outcome {
  readonly code: number | null;
  readonly text: string;
  readonly report: JSONReport;
}

/** `novabot check --json` in a directory, within bounds of time and memory; whatever happens, there is no stack trace. */
async function check(directory: string, ...args: readonly string[]): Promise<Outcome> {
  const child = spawn("timeout", ["--signal=KILL", String(MOST_SECONDS), novabot, "check", "--no-images", "--json", ...args], {
    cwd: directory,
    env: {
      ...process.env,
      NO_COLOR: "1",
      NOVABOT_HOME: join(directory, "no-home"),
      NODE_OPTIONS: `--max-old-space-size=${MOST_MEGABYTES}`,
    },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const { code, stdout, stderr } = await finished(child);
  expect(stdout + stderr).not.toMatch(/\n {4}at \S|INTERNAL|Maximum call stack/);
  return { code, text: stdout + stderr, report: JSON.parse(stdout) as JSONReport };
}

/** What is told of the file: rule or `not checked`, and place. */
function told({ report }: Outcome): string[] {
  const at = (place: { file: string; line: number } | null): string => (place ? ` ${place.file}:${place.line}` : "");
  return [
    ...report.findings.filter(({ rule }) => rule === "compose-valid").map(({ rule, place }) => rule + at(place)),
    ...report.unchecked.map(({ module, place }) => `not checked${module === null ? "" : ` ${module}`}${at(place)}`),
  ];
}

const unread = "not checked compose.yaml";

const bomb = [
  "x-a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]",
  ..."bcdefghi".split("").map((name, index) => {
    const before = "abcdefgh".charAt(index);
    return `x-${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(", ")}]`;
  }),
  "services: { a: { image: x, labels: *i } }",
].join("\n");

const mapBomb = [
  "x-a: &a { k: v }",
  ..."bcdefghijklmnop".split("").map((name, index) => {
    const before = "abcdefghijklmno".charAt(index);
    return `x-${name}: &${name} { <<: *${before}, l: *${before}, r: *${before} }`;
  }),
  "services: { a: { image: x, labels: *p } }",
].join("\n");

const unreadable: readonly (readonly [what: string, text: string | Uint8Array, line: number | undefined])[] = [
  ["broken YAML", "services:\n  a:\n   image: x\n  - b\n", 4],
  ["an unclosed quote", 'services:\n  a: "\n', 3],
  ["nothing", "", 1],
  ["a list", "- a\n", 1],
  ["a number", "42\n", 1],
  ["aliases of aliases", bomb, 6],
  ["an alias of itself", "services: &a\n  b: *a\n", 2],
  ["very deep brackets", `services: ${"[".repeat(200_000)}${"]".repeat(200_000)}\n`, 1],
  ["very deep maps", Array.from({ length: 2400 }, (_, index) => `${" ".repeat(index)}a:`).join("\n"), undefined],
  ["Latin-1", Buffer.from("services:\n  caf\xe9:\n    image: x\n", "latin1"), 2],
  ["NUL bytes", "\0".repeat(100_000), 1],
  ["a file of more than 5 MiB", `services: {a: {image: x}}\n${"# comment\n".repeat(600_000)}`, 1],
  ["services that extend each other", "services:\n  a:\n    extends: b\n  b:\n    extends: { service: a }\n", 3],
  ["a service that extends itself", "services:\n  a:\n    extends: a\n", 3],
  ["files that include themselves", "include: [compose.yaml]\nservices: { a: { image: x } }\n", 1],
  ["a remote include", "include:\n  - https://example.test/compose.yaml\nservices: { a: { image: x } }\n", 2],
  ["a variable that must be set", "services:\n  a:\n    image: ${NOVABOT_TEST_UNSET:?say which}\n", 3],
];

describe("a Compose file that cannot be read", () => {
  test("is told of with its place, whatever it holds, and keeps none of the others from being checked", async () => {
    const directory = await project({
      ...Object.fromEntries(unreadable.map(([what, text]) => [`${what}/compose.yaml`, text])),
      "whole/compose.yaml": "services: { a: { image: x:1, user: '0:0' } }\n",
    });
    const { code, report } = await check(directory, ...unreadable.map(([what]) => what), "whole");
    expect(code).toBe(2);
    for (const [what, , line] of unreadable) {
      const file = `${what}/compose.yaml`;
      const found = report.findings.filter(({ place }) => place?.file === file);
      expect([what, found.map(({ rule }) => rule)]).toEqual([what, ["compose-valid"]]);
      // Of what is wrong as a whole the place is the file's beginning.
      if (line !== undefined) expect([what, [1, line].includes(found[0]?.place?.line ?? 0)]).toEqual([what, true]);
      expect(report.unchecked.map(({ module }) => module)).toContain(file);
    }
    expect(report.unchecked).toHaveLength(unreadable.length);
    expect(report.findings.some(({ rule, module }) => rule === "user" && module === "whole/compose.yaml")).toBe(true);
  });

  test("ends the check with 2 by itself", async () => {
    const outcome = await check(await project({ "compose.yaml": bomb }));
    expect([outcome.code, told(outcome)]).toEqual([2, ["compose-valid compose.yaml:6", unread]]);
  });

  test("an include or a base that is missing", async () => {
    const include = await check(await project({ "compose.yaml": "include: [none.yaml]\nservices: { a: { image: x } }\n" }));
    expect([include.code, include.text.includes("none.yaml")]).toEqual([2, true]);
    const base = "services:\n  a:\n    extends: { file: none.yaml, service: b }\n";
    const extended = await check(await project({ "compose.yaml": base }));
    expect([extended.code, extended.text.includes("none.yaml")]).toEqual([2, true]);
  });

  test("a ring of files", async () => {
    const files = Object.fromEntries(
      Array.from({ length: 50 }, (_, index) => [`f${index}.yaml`, `include: [f${(index + 1) % 50}.yaml]\n`]),
    );
    const outcome = await check(
      await project({ ...files, "compose.yaml": "include: [f0.yaml]\nservices: { a: { image: x } }\n" }),
    );
    expect(outcome.code).toBe(2);
  });
});

describe("what is no file is not opened:", () => {
  test("a directory, a pipe, a device, a socket, a link to itself", async () => {
    const directory = await project({});
    for (const name of ["directory", "pipe", "device", "socket", "loop"]) await mkdir(join(directory, name));
    await mkdir(join(directory, "directory/compose.yaml"));
    await promisify(execFile)("mkfifo", [join(directory, "pipe/compose.yaml")]);
    await symlink("/dev/zero", join(directory, "device/compose.yaml"));
    await symlink("compose.yaml", join(directory, "loop/compose.yaml"));
    const server = createServer();
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(join(directory, "socket/compose.yaml"), resolve));
    const paths = ["directory", "pipe", "device", "socket", "loop"].flatMap((name) => [name, `${name}/compose.yaml`]);
    const { code, report } = await check(directory, ...paths);
    expect(code).toBe(2);
    expect(new Set(report.unchecked.map(({ module, place }) => (module ?? place?.file ?? "").split("/")[0]))).toEqual(
      new Set(["directory", "pipe", "device", "socket", "loop"]),
    );
    expect((await check(directory, "pipe")).code).toBe(2);
  });

  test("nothing at all", async () => {
    const outcome = await check(await project({}), "none.yaml", "nowhere/");
    expect([outcome.code, told(outcome)]).toEqual([2, ["not checked none.yaml:1", "not checked nowhere:1"]]);
  });

  test("a pipe where a Dockerfile, an env file, a base or a contract should be", async () => {
    const compose = "services:\n  a:\n    build: .\n    env_file: env\n    restart: unless-stopped\n";
    const directory = await project({
      "compose.yaml": compose,
      "base/compose.yaml": "services: { a: { extends: { file: pipe, service: b } } }\n",
    });
    for (const path of ["Dockerfile", "env", "base/pipe", "contract.yaml"]) {
      await promisify(execFile)("mkfifo", [join(directory, path)]);
    }
    expect((await check(directory, "compose.yaml")).code).toBeGreaterThan(0);
    expect((await check(directory, "base")).code).toBe(2);
    expect((await check(directory, "contract.yaml")).code).toBe(2);
  });

  // Root reads every file.
  test.runIf(process.getuid?.() !== 0)("a file without permission", async () => {
    const directory = await project({ "compose.yaml": "services: { a: { image: x } }\n" });
    await chmod(join(directory, "compose.yaml"), 0);
    const outcome = await check(directory);
    expect([outcome.code, told(outcome)]).toEqual([2, ["compose-valid compose.yaml:1", unread]]);
  });
});

test("a contract that is not valid is told with all its places", async () => {
  const contract = "version: 1\nmodules:\n  a:\n    fldr: x\n    port: { host: 99999999, container: x }\n";
  const outcome = await check(await project({ "contract.yaml": contract }));
  expect(outcome.code).toBe(2);
  expect(told(outcome)).toContain("not checked contract.yaml:5");
  expect(outcome.report.unchecked.length).toBeGreaterThan(2);
  const texts = ["", "[", "version: 2\n", "[".repeat(100_000), bomb, "\0", Buffer.from([0xff, 0xfe, 0x00])];
  const many = await project(Object.fromEntries(texts.map((text, index) => [`${index}/contract.yaml`, text])));
  const all = await check(many, ...texts.map((_, index) => String(index)));
  expect(all.code).toBe(2);
  for (const index of texts.keys()) {
    expect(all.report.unchecked.some(({ place }) => place?.file === `${index}/contract.yaml`)).toBe(true);
  }
});

test("ten thousand services are held to every rule, and mended", async () => {
  const services = Array.from({ length: 10_000 }, (_, index) => `  s${index}:\n    image: x:1\n    user: "5:5"\n`);
  const directory = await project({ "compose.yaml": `services:\n${services.join("")}` });
  const { code, report } = await check(directory, "--rule", "restart");
  expect([code, report.findings.length, report.summary.fixable]).toEqual([1, 10_000, 10_000]);
  const fixed = await check(directory, "--rule", "restart", "--fix");
  expect([fixed.code, fixed.text.includes("Mended 10000 findings in 1 file")]).toEqual([0, true]);
}, 240_000);

test("a file of nearly 5 MiB is read, however its lines and services lie", async () => {
  const line = await check(
    await project({
      "compose.yaml": `services: { a: { image: x:1, labels: { b: "${"y".repeat(4_900_000)}" }, user: "0:0" } }\n`,
    }),
    "--rule",
    "user",
  );
  expect([line.code, line.report.findings[0]?.place?.column]).toBeTruthy();
  expect(line.code).toBe(1);
  const many = await check(
    await project({
      "compose.yaml": `services:\n${Array.from({ length: 60_000 }, (_, index) => `  s${index}: { image: x }\n`).join("")}`,
    }),
  );
  expect([many.code, many.report.unchecked[0]?.message]).toEqual([2, expect.stringContaining("60000 services")]);
}, 240_000);

test("merge keys that double at each step end", async () => {
  expect((await check(await project({ "compose.yaml": mapBomb }))).code).toBe(2);
});

test("control characters of a file never reach the terminal", async () => {
  const text =
    'services:\n  "a\\e[2J\\u202e":\n    image: "x\\e]0;t\\a"\n    user: "ro\\u009bot"\n    restart: "\\u2028"\n    ports: ["\\e[31m:1"]\n# \u001b[2J \u202e novabot-ignore user\n';
  const directory = await project({
    "compose.yaml": text,
    "more.yaml": "services:\n  a:\n    image: x # \u202e\u009b2J\n    user: root # \u202e\n",
  });
  for (const format of ["text", "github", "junit", "sarif", "json"]) {
    const { stdout, stderr } = await finished(
      spawn(novabot, ["check", "--no-images", "--format", format, "compose.yaml", "more.yaml"], {
        cwd: directory,
        env: { ...process.env, NO_COLOR: "1", NOVABOT_HOME: "/none" },
      }),
    );
    expect(stdout + stderr).not.toMatch(/[\0-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
  }
});

test("file names may hold anything", async () => {
  const name = "co\u001b[2J\nm ::error::p%o\u202ese.yaml";
  const directory = await project({ [name]: "services: { a: { image: x } }\n" });
  for (const format of ["text", "github", "junit", "sarif"]) {
    const { code, stdout, stderr } = await finished(
      spawn(novabot, ["check", "--no-images", "--format", format, name], {
        cwd: directory,
        env: { ...process.env, NO_COLOR: "1", NOVABOT_HOME: "/none" },
      }),
    );
    expect([code, stderr]).toEqual([1, ""]);
    expect(stdout).not.toMatch(/[\0-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    if (format === "github")
      expect(stdout.split("\n").every((one) => /^(?:::(?:error|warning|notice) .*|Found .*|)$/.test(one))).toBe(true);
  }
});

test("a current directory that is gone is told of", async () => {
  const directory = await project({});
  const script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" check';
  const child = spawn("sh", ["-c", script, novabot], { cwd: directory, env: { ...process.env, NO_COLOR: "1" } });
  const { code, stderr } = await finished(child);
  expect([code, stderr]).toEqual([2, expect.stringContaining("CHECK_UNREADABLE")]);
});

test("what somebody else writes meanwhile is not lost to --fix", async () => {
  const directory = await project({ "compose.yaml": "services:\n  a:\n    image: x:1\n    restart: always\n" });
  const file = join(directory, "compose.yaml");
  // Until the check ends, somebody writes the file again and again; what is there at the end is theirs or mended from theirs.
  let isOver = false;
  let count = 0;
  const writing = (async () => {
    while (!isOver) await writeFile(file, `services:\n  a:\n    image: x:${count++}\n    restart: always\n`);
  })();
  await check(directory, "--fix").finally(() => {
    isOver = true;
  });
  await writing;
  const { report } = await check(directory, "--fix", "--rule", "restart");
  expect(report.findings).toEqual([]);
});
