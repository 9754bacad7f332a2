import { readFile, stat, symlink, writeFile, chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "sarif";
import { describe, expect, test } from "vitest";
import type { JSONReport } from "../../src/contract/report/json.ts";
import { check, contractText, keptText, project, webProject } from "../fixtures/check-project.ts";
import { runNovabot } from "../fixtures/command-line.ts";

const composeFile = "modules/web/compose.yaml";

async function json(directory: string, ...args: readonly string[]): Promise<JSONReport> {
  return JSON.parse((await check(directory, "--json", ...args)).stdout) as JSONReport;
}

const told = ({ findings }: JSONReport): string[] =>
  findings.map(({ rule, severity, place }) => `${severity} ${rule} ${place?.file}:${place?.line}:${place?.column}`);

describe("a project that keeps its contract", () => {
  test("is told so, with every rule, and ends with 0", async () => {
    const { code, stdout, stderr } = await check(await webProject());
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^rule +web\n/);
    expect(stdout).toMatch(/^mounts-read-only +kept$/m);
    expect(stdout).toMatch(/\nChecked 1 module: found nothing\.\n$/);
  });

  test("keeps it from wherever it is looked at", async () => {
    const directory = await webProject();
    for (const path of [".", "contract.yaml", "modules/web", composeFile]) {
      expect(await json(directory, path)).toMatchObject({
        exitStatus: 0,
        summary: { modules: 1 },
        checked: expect.arrayContaining([{ rule: "ports", module: "web", verdict: "kept", note: null }]) as unknown,
      });
    }
    // A directory with nothing to check in it does not hide a module of that name.
    await mkdir(join(directory, "web"));
    expect(await json(directory, "web")).toMatchObject({ exitStatus: 0, summary: { modules: 1 } });
    expect(await json(directory, "we")).toMatchObject({ exitStatus: 2, unchecked: [{ place: { file: "we" } }] });
    const below = await runNovabot(
      ["check", "--no-images", "--json"],
      { NOVABOT_HOME: "/none" },
      "",
      join(directory, "modules/web/conf"),
    );
    expect((JSON.parse(below.stdout) as JSONReport).checked.some(({ module }) => module === "web")).toBe(true);
    const home = await runNovabot(["check", "--no-images", "--json"], { NOVABOT_HOME: directory }, "", "/");
    expect((JSON.parse(home.stdout) as JSONReport).root).toBe(directory);
  });
});

test("what breaks it is told with its line, the value underlined, the reason and the fix", async () => {
  const directory = await webProject(keptText.replace('user: "1001:1001"', "user: root # 名前").replace(":ro", ""));
  const { code, stdout } = await check(directory);
  expect(code).toBe(1);
  expect(stdout.split("\n").slice(0, 13)).toEqual([
    `${composeFile}:4:11  error  user  web`,
    " 4 |     user: root # 名前",
    "   |           ^^^^",
    expect.stringContaining("root"),
    expect.stringMatching(/^ {2}why {2}\S/),
    expect.stringMatching(/^ {2}fix {2}.*1001:1001.*\(--fix does it\)$/),
    "",
    `${composeFile}:11:9  error  mounts-read-only  web`,
    " 11 |       - ./conf:/app/conf",
    "    |         ^^^^^^^^^^^^^^^^",
    expect.stringContaining("/app/conf"),
    expect.stringMatching(/^ {2}why {2}\S/),
    expect.stringMatching(/^ {2}fix {2}.*:ro/),
  ]);
  expect(stdout).toMatch(/^user +error$/m);
  expect(stdout).toMatch(/found 2 errors\. `novabot check --fix` mends 2\.\n$/);
});

test("what the documentation shows of a finding is what is told", async () => {
  const { stdout } = await check(await webProject(keptText.replace('"1001:1001"', "root")));
  const page = await readFile(join(import.meta.dirname, "../../docs/check.md"), "utf8");
  expect(page).toContain(`\`\`\`\n${stdout.slice(0, stdout.indexOf("\n\n"))}\n\`\`\``);
  expect(page).toContain(`"message": ${JSON.stringify(stdout.split("\n")[3]?.trim())}`);
});

test("a module that is declared and not there is broken; one whose files cannot be read was not checked", async () => {
  const missing = await json(await project({ "contract.yaml": contractText }));
  expect([missing.exitStatus, told(missing)]).toEqual([1, ["error module-present contract.yaml:3:3"]]);
  const broken = await json(await webProject("services:\n  web:\n   image: x\n  - y\n"));
  expect(broken).toMatchObject({ exitStatus: 2, unchecked: [{ module: "web" }] });
  expect(told(broken)).toEqual([expect.stringContaining(`error compose-valid ${composeFile}:`)]);
});

test("a Compose file without a contract is held to what needs none", async () => {
  const directory = await project({
    "compose.yaml": "services:\n  db:\n    image: x:1\n    user: '5:5'\n    restart: unless-stopped\n",
  });
  const report = await json(directory, "--severity", "error");
  expect([report.exitStatus, told(report)]).toEqual([0, []]);
  expect(report.checked.find(({ rule }) => rule === "mounts")?.verdict ?? "not applicable").toBe("not applicable");
  expect(new Set(report.checked.map(({ module }) => module))).toEqual(new Set(["compose.yaml"]));
});

describe("what is told", () => {
  test("is chosen by rule and severity, which is also the bar", async () => {
    const directory = await webProject(keptText.replace("init: true", "").replace("restart: unless-stopped", "restart: always"));
    const rules = async (...args: string[]): Promise<unknown> => {
      const report = await json(directory, ...args);
      return [report.exitStatus, report.findings.map(({ rule }) => rule).toSorted()];
    };
    expect(await rules()).toEqual([1, ["init", "restart"]]);
    expect(await rules("--rule", "init")).toEqual([0, ["init"]]);
    expect(await rules("--rule", "init", "--severity", "advice")).toEqual([1, ["init"]]);
    expect(await rules("--rule", "init", "--rule", "user,restart", "--severity", "error")).toEqual([1, ["restart"]]);
  });

  test.each([
    [["--rule", "usr"], 'There is no rule "usr".', 'Did you mean "user"?'],
    [["--explain", "port"], 'There is no rule "port".', '"ports"'],
    [["--format", "xml"], "'xml' is invalid", "--help"],
    [["--json", "--format", "sarif"], "two formats", "Leave one of them out."],
    [["--dry-run"], "--dry-run goes with --fix.", "--fix"],
    [["--fix", "--dry-run", "--json"], "no report", "--json"],
    [["--severity", "fatal"], "'fatal' is invalid", "error, warning, advice"],
    [["--env", "staging"], "'staging' is invalid", "local, prod"],
    [["--output", "no/such/report"], "cannot be written", "--output"],
  ])("%j is a wrong request", async (args, message, next) => {
    const { code, stderr } = await check(await webProject(), ...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).toContain(next);
    expect(stderr).toContain("USAGE");
  });

  test("prod takes the server's env file", async () => {
    const directory = await webProject(keptText.replace("[.env.local]", '["${RUNTIME_ENV_FILE:-.env.local}"]'));
    expect((await json(directory)).exitStatus).toBe(0);
    const prod = await json(directory, "--env", "prod");
    expect(told(prod)).toEqual([expect.stringContaining("error env-file")]);
    expect(prod.findings[0]?.message).toContain(".env.server");
  });

  test("goes to a file, with the text beside it", async () => {
    const directory = await webProject(keptText.replace("127.0.0.1:8100", "8100"));
    const { code, stdout } = await check(directory, "--format", "sarif", "--output", "report.sarif");
    expect(code).toBe(1);
    expect(stdout).toContain(`${composeFile}:7:13  error  ports  web`);
    const log = JSON.parse(await readFile(join(directory, "report.sarif"), "utf8")) as Log;
    expect(log.runs[0]?.results?.[0]?.locations?.[0]?.physicalLocation?.artifactLocation).toEqual({
      uri: composeFile,
      uriBaseId: "%SRCROOT%",
    });
  });

  test("names files from the repository where others read it", async () => {
    const directory = await webProject(keptText.replace("127.0.0.1:8100", "8100"));
    await mkdir(join(directory, ".git"));
    const { stdout } = await runNovabot(
      ["check", "--no-images", "--format", "github"],
      { GITHUB_WORKSPACE: "" },
      "",
      join(directory, "modules/web"),
    );
    expect(stdout).toMatch(new RegExp(`^::error file=${composeFile},line=7,endLine=7,col=13,`));
  });

  test("has each rule's page, and the list of all", async () => {
    expect((await check("/", "--explain", "user")).stdout).toMatch(/^# user\n/);
    const { stdout, code } = await check("/", "--rules");
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^mounts-read-only +error +paper, live +\S/m)]);
  });
});

describe("ignore comments", () => {
  test("accept what they name, with their reason, in the report too", async () => {
    const directory = await webProject(
      keptText
        .replace("  web:\n", "  # novabot-ignore init, memory-limit: the vendor says so\n  web:\n")
        .replace("    init: true\n", "")
        .replace('user: "1001:1001"', "user: root # novabot-ignore user: it drops its privileges itself"),
    );
    const report = await json(directory);
    expect(report.exitStatus).toBe(0);
    expect(told(report)).toEqual([`warning ignore-reason ${composeFile}:2:3`]);
    expect(report.ignored.map(({ rule, ignored }) => `${rule}: ${ignored.reason}`).toSorted()).toEqual([
      "init: the vendor says so",
      "user: it drops its privileges itself",
    ]);
    expect(report.checked.find(({ rule }) => rule === "user")).toMatchObject({
      verdict: "not applicable",
      note: "ignored: it drops its privileges itself",
    });
  });

  test("without a reason accept nothing", async () => {
    const report = await json(await webProject(keptText.replace('user: "1001:1001"', "user: root # novabot-ignore user")));
    expect([report.exitStatus, told(report)]).toEqual([
      1,
      [`error user ${composeFile}:4:11`, `error ignore-reason ${composeFile}:4:16`],
    ]);
  });

  test("work in a Dockerfile", async () => {
    const compose = "services:\n  a:\n    build: .\n    restart: unless-stopped\n";
    const files = {
      "compose.yaml": compose,
      Dockerfile: "# novabot-ignore image-pinned: made anew each night\nFROM debian:latest\nUSER 5:5\n",
    };
    const report = await json(await project(files), "--rule", "image-pinned", "--severity", "advice");
    expect([report.exitStatus, report.ignored.map(({ place }) => `${place?.file}:${place?.line}`)]).toEqual([
      0,
      ["Dockerfile:2"],
    ]);
  });
});

describe("--fix", () => {
  const broken = keptText
    .replace('user: "1001:1001"', "user: root   # 名前")
    .replace("127.0.0.1:8100", "8100")
    .replace(":ro\n", "  # conf\n")
    .replace("    init: true\n", "");

  test("mends what needs no decision, keeps all else, and finds nothing the second time", async () => {
    const directory = await webProject(broken);
    const file = join(directory, composeFile);
    await chmod(file, 0o640);
    const first = await check(directory, "--fix");
    expect([first.code, first.stderr]).toEqual([0, `Mended 4 findings in 1 file:\n  ${composeFile}\n`]);
    expect(first.stdout).toMatch(/Checked 1 module: found nothing\.\n$/);
    const mended = await readFile(file, "utf8");
    const changed = mended.split("\n").filter((line) => !broken.split("\n").includes(line));
    expect(changed).toEqual([
      expect.stringMatching(/^ {4}user: "?1001:1001"? {3}# 名前$/),
      '    ports: ["127.0.0.1:8100:5000"]',
      "      - ./conf:/app/conf:ro  # conf",
      "    init: true",
    ]);
    expect(mended.split("\n")).toHaveLength(broken.split("\n").length + 1);
    expect((await stat(file)).mode & 0o777).toBe(0o640);
    expect((await check(directory, "--fix")).stderr).toBe("");
    expect(await readFile(file, "utf8")).toBe(mended);
  });

  test("keeps carriage returns and a byte order mark", async () => {
    const directory = await webProject(`\ufeff${broken.replaceAll("\n", "\r\n")}`);
    expect((await check(directory, "--fix")).code).toBe(0);
    const mended = await readFile(join(directory, composeFile), "utf8");
    expect(mended.startsWith("\ufeffservices:\r\n")).toBe(true);
    expect(mended.replaceAll("\r\n", "")).not.toContain("\n");
  });

  test("with --dry-run prints what git would apply, and changes nothing", async () => {
    const directory = await webProject(broken);
    const { code, stdout, stderr } = await check(directory, "--fix", "--dry-run", "--rule", "ports,user");
    expect([code, stderr]).toEqual([1, "1 file would change.\n"]);
    expect(stdout.split("\n").filter((line) => /^[-+]/.test(line))).toEqual([
      `--- a/${composeFile}`,
      `+++ b/${composeFile}`,
      "-    user: root   # 名前",
      expect.stringMatching(/^\+ {4}user: "?1001:1001"? {3}# 名前$/),
      '-    ports: ["8100:5000"]',
      '+    ports: ["127.0.0.1:8100:5000"]',
    ]);
    expect(await readFile(join(directory, composeFile), "utf8")).toBe(broken);
  });

  test("writes through a link within the project, and nothing outside", async () => {
    const directory = await webProject();
    const file = join(directory, composeFile);
    await writeFile(join(directory, "real.yaml"), broken);
    await rm(file);
    await symlink("../../real.yaml", file);
    const inside = await check(directory, "--fix");
    expect(inside.stderr).toContain("Mended 4 findings");
    expect(await readFile(join(directory, "real.yaml"), "utf8")).toContain("127.0.0.1:8100");

    const elsewhere = await project({ "compose.yaml": broken });
    await rm(file);
    await symlink(join(elsewhere, "compose.yaml"), file);
    const outside = await check(directory, "--fix");
    expect(outside.code).toBe(2);
    expect(outside.stderr).toContain("CHECK_FIX_FAILED");
    expect(await readFile(join(elsewhere, "compose.yaml"), "utf8")).toBe(broken);
  });
});

test("no output holds a secret that was found", async () => {
  const secret = ["AKIA", "Z7QF3NPL2XKD5WTR"].join("");
  const directory = await webProject(keptText.replace("    init: true\n", `    environment: { AWS_ACCESS_KEY_ID: ${secret} }\n`));
  for (const format of ["text", "json", "sarif", "junit", "github"]) {
    const { code, stdout, stderr } = await check(directory, "--format", format);
    expect([code, stdout.includes("secret-values")]).toEqual([1, true]);
    expect(stdout + stderr).not.toContain(secret);
  }
});

test("what leads to a secret and is none is quoted; the secret beside it is not", async () => {
  const directory = await project({
    "compose.yaml": "services:\n  a:\n    build: .\n    user: '5:5'\n    restart: unless-stopped\n",
    ".env": "",
    Dockerfile:
      "FROM debian:12\nARG DB_PASSWORD\nCOPY .env /app/\nENV DB_PASSWORD=$DB_PASSWORD\nENV API_PASSWORD=${X:-hunter2hunter2}\n",
  });
  const { stdout } = await check(directory, "--rule", "secret-values");
  expect(stdout).toContain(" 3 | COPY .env /app/\n   |      ^^^^\n");
  expect(stdout).toContain(" 4 | ENV DB_PASSWORD=$DB_PASSWORD\n");
  expect(stdout).toContain(" 5 | ENV API_PASSWORD=*");
  expect(stdout).not.toContain("hunter2");
});
