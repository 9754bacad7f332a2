import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "sarif";
import { describe, expect, test } from "vitest";
import type { JSONReport } from "../../../../src/contract/report/json.ts";
import { formatReport, reportFormats } from "../../../../src/contract/report/format.ts";
import { composeFile, composeText, mount, report, root, running, secret, user } from "../../../fixtures/check-report.ts";

const unchecked = {
  module: undefined,
  message: 'There is nothing at "x".',
  next: "Name a file.",
  at: { file: `${root}/x`, line: 1, column: 1, endLine: 1, endColumn: 1 },
};

describe("text", () => {
  test("every finding has its line, its reason and its fix; then come the table and the sum", () => {
    expect(formatReport(report(), "text").split("\n")).toEqual([
      "modules/web app/compose.yaml:4:11  error  user  web",
      " 4 |     user: root",
      "   |           ^^^^",
      '  The user "root" is root.',
      "  why  A process that is root in its container is root on the host the moment it leaves it, and what it writes belongs to root.",
      '  fix  Write `user: "1001:1001"`.  (--fix does it)',
      "",
      "modules/web app/compose.yaml:6:18  error  secret-values  web",
      " 6 |       API_TOKEN: *******",
      "   |                  ^^^^^^^",
      "  API_TOKEN has a value here.",
      "  why  What stands there is in version control, in every copy of the image and in `docker inspect`, for good.",
      "  fix  Move it to the env file.",
      "",
      "modules/web app/compose.yaml:9:9  warning  mounts-read-only  web",
      " 9 |       - ./conf:/app/conf",
      "   |         ^^^^^^^^^^^^^^^^",
      '  The mount at "/app/conf" can be written: 100%\\x1b[31m, they say.',
      "  see  modules/web app/compose.yaml:2:3  the service that mounts it",
      " 2 |   web:",
      "   |   ^^^^",
      "  why  Because <it> & that.",
      "  fix  Add `:ro`.  (--fix does it)",
      "",
      "web-1  advice  running  web",
      "  The container was restarted twice.",
      "  why  Nothing can be proven of a container that is not there.",
      "  fix  Look at its log.",
      "",
      "rule              web",
      "user              error",
      "secret-values     error",
      "mounts-read-only  warning",
      "running           advice",
      "restart           kept",
      "health            unknown  no engine says what the image does",
      "",
      "Checked 1 module: found 2 errors, 1 warning and 1 piece of advice. 1 ignored, each with a reason. `novabot check --fix` mends 2.",
    ]);
  });

  test("paths are told from where somebody is", () => {
    expect(formatReport(report(), "text", { base: `${root}/modules/other` })).toContain("\n../web app/compose.yaml:6:18  ");
    expect(formatReport(report(), "text", { base: "/home/somebody/far/away" })).toContain(`\n${composeFile}:6:18  `);
  });

  test("colours are for terminals", () => {
    expect(formatReport(report(), "text")).not.toContain("\u001b");
    expect(formatReport(report(), "text", { colour: true })).toContain("\u001b[31merror\u001b[39m");
  });

  test("what could not be checked is told last", () => {
    expect(formatReport(report({ findings: [], ignored: [], checked: [], unchecked: [unchecked] }), "text").split("\n")).toEqual([
      "x:1:1  not checked",
      '  There is nothing at "x".',
      "  next  Name a file.",
      "",
      "Checked 0 modules: found nothing. 1 could not be checked.",
    ]);
  });

  test("many modules are rows", () => {
    const checked = Array.from({ length: 6 }, (_, index) => ({ rule: "user", module: `m${index}`, verdict: "kept" as const }));
    const lines = formatReport(report({ findings: [], ignored: [], checked }), "text").split("\n");
    expect(lines[0]).toBe("module  kept  error  warning  advice  unknown");
    expect(lines[6]).toBe("m5      1     0      0        0       0");
  });

  test("of more findings than anybody reads, the gravest are told", () => {
    const findings = [...Array.from({ length: 1500 }, () => ({ ...running })), user];
    const text = formatReport(report({ findings }), "text");
    expect(text).toContain("  error  user  web");
    expect(text).toContain("… and 501 more");
    expect(text.match(/ {2}advice {2}running/g)).toHaveLength(999);
  });
});

test("JSON has a version, relative files, and every field of a finding", () => {
  const told = JSON.parse(formatReport(report(), "json", { version: "1.2.3" })) as JSONReport;
  expect(told).toMatchObject({
    version: 1,
    tool: { name: "novabot", version: "1.2.3" },
    kind: "paper",
    at: "2026-11-21T06:00:00.000Z",
    root,
    exitStatus: 1,
    summary: { errors: 2, warnings: 1, advice: 1, ignored: 1, unchecked: 0, modules: 1, fixable: 2 },
  });
  expect(told.findings[0]).toEqual({
    rule: "user",
    severity: "error",
    module: "web",
    service: "web",
    subject: null,
    message: user.message,
    reason: expect.stringContaining("root on the host") as string,
    fix: user.fix,
    place: { file: "modules/web app/compose.yaml", line: 4, column: 11, endLine: 4, endColumn: 15 },
    related: [],
    fixable: true,
  });
  expect(told.ignored[0]?.ignored).toEqual({
    reason: "A public page.",
    place: { file: "modules/web app/compose.yaml", line: 3, column: 24, endLine: 3, endColumn: 28 },
  });
  expect(told.checked).toContainEqual({ rule: "restart", module: "web", verdict: "kept", note: null });
});

test("the documentation's example of JSON has the fields that there are", async () => {
  const page = await readFile(join(import.meta.dirname, "../../../../docs/check.md"), "utf8");
  const example = JSON.parse(/```json\n(.*?)```/s.exec(page)?.[1] ?? "") as JSONReport;
  const told = JSON.parse(formatReport(report(), "json")) as JSONReport;
  const shape = (one: JSONReport): unknown =>
    [one, one.tool, one.summary, one.findings[0] ?? {}, one.findings[0]?.place ?? {}, one.checked[0] ?? {}].map(Object.keys);
  expect(shape(example)).toEqual(shape(told));
});

test("the exit status in JSON goes by the severity that was asked for", () => {
  const status = (changes: Parameters<typeof report>[0], bar?: "warning"): unknown =>
    (JSON.parse(formatReport(report(changes), "json", bar ? { bar } : {})) as JSONReport).exitStatus;
  expect(status({ findings: [mount] })).toBe(0);
  expect(status({ findings: [mount] }, "warning")).toBe(1);
  expect(status({ findings: [user], unchecked: [unchecked] })).toBe(2);
});

describe("SARIF", () => {
  const log = JSON.parse(formatReport(report(), "sarif", { version: "1.2.3" })) as Log;
  const run = log.runs[0];
  const results = run?.results ?? [];

  test("names the tool, its rules with help, and the root", () => {
    expect(log.version).toBe("2.1.0");
    expect(run?.tool.driver).toMatchObject({ name: "NovaBot", semanticVersion: "1.2.3" });
    for (const rule of run?.tool.driver.rules ?? []) {
      // What GitHub's code scanning asks of every rule.
      expect(rule.id).toMatch(/^[a-z-]+$/);
      expect(rule.shortDescription?.text).toMatch(/^[A-Z].*\.$/);
      expect(rule.fullDescription?.text).toBeTruthy();
      expect(rule.help?.text).toContain(rule.id);
      expect(rule.defaultConfiguration?.level).toMatch(/^(?:error|warning|note)$/);
    }
    expect(run?.originalUriBaseIds).toEqual({ "%SRCROOT%": { uri: "file:///srv/project/" } });
    expect(run?.columnKind).toBe("utf16CodeUnits");
    expect(run?.invocations).toEqual([{ executionSuccessful: true, exitCode: 1, endTimeUtc: "2026-11-21T06:00:00.000Z" }]);
  });

  test("every result points into a file, at its rule, with its level", () => {
    expect(results.map(({ level }) => level)).toEqual(["error", "error", "warning", "note", "error"]);
    for (const result of results) {
      expect(run?.tool.driver.rules?.[result.ruleIndex ?? -1]?.id).toBe(result.ruleId);
      const physical = result.locations?.[0]?.physicalLocation;
      expect(physical?.artifactLocation?.uriBaseId).toBe("%SRCROOT%");
      expect(physical?.artifactLocation?.uri).not.toMatch(/^\/|\s/);
      expect(physical?.region?.startLine).toBeGreaterThan(0);
    }
    expect(results[0]?.locations?.[0]).toEqual({
      physicalLocation: {
        artifactLocation: { uri: "modules/web%20app/compose.yaml", uriBaseId: "%SRCROOT%" },
        region: { startLine: 4, startColumn: 11, endLine: 4, endColumn: 15 },
      },
      logicalLocations: [{ name: "web", fullyQualifiedName: "web/web", kind: "resource" }],
    });
  });

  test("a fix is the text that goes and the text that comes", () => {
    expect(results[2]?.fixes?.[0]?.artifactChanges[0]?.replacements).toEqual([
      {
        deletedRegion: { startLine: 9, startColumn: 25, endLine: 9, endColumn: 25 },
        insertedContent: { text: ":ro" },
      },
    ]);
  });

  test("what is ignored is suppressed with its reason, all else is not", () => {
    expect(results.map(({ suppressions }) => suppressions?.length)).toEqual([0, 0, 0, 0, 1]);
    expect(results[4]?.suppressions?.[0]).toMatchObject({
      kind: "inSource",
      status: "accepted",
      justification: "A public page.",
      location: { physicalLocation: { region: { startLine: 3 } } },
    });
    const none = JSON.parse(formatReport(report({ ignored: [] }), "sarif")) as Log;
    expect(none.runs[0]?.results?.some((result) => "suppressions" in result)).toBe(false);
  });

  test("a fingerprint stays when lines are added above, and tells two of a kind apart", () => {
    const print = (changes: Parameters<typeof report>[0]): unknown[] =>
      ((JSON.parse(formatReport(report(changes), "sarif")) as Log).runs[0]?.results ?? []).map(
        ({ partialFingerprints }) => partialFingerprints?.["novabotFinding/v1"],
      );
    const moved = user.at && { ...user.at, line: user.at.line + 2, endLine: user.at.line + 2 };
    const [before] = print({ findings: [user], ignored: [] });
    expect(
      print({ findings: [{ ...user, at: moved }], ignored: [], sources: new Map([[composeFile, `\n\n${composeText}`]]) }),
    ).toEqual([before]);
    expect(new Set(print({ findings: [user, user, secret], ignored: [] })).size).toBe(3);
  });

  test("of more findings than GitHub takes, the gravest are told in their order, and how many are not", () => {
    const light: typeof user = { ...user, severity: "advice" };
    const findings = [light, user, ...Array.from({ length: 25_000 }, () => light), mount];
    const told = (JSON.parse(formatReport(report({ findings }), "sarif")) as Log).runs[0];
    const levels = told?.results?.map(({ level }) => level) ?? [];
    expect(levels).toHaveLength(25_000);
    expect([levels[0], levels[1], levels.at(-1)]).toEqual(["note", "error", "warning"]);
    const leftOut = findings.length + report().ignored.length - 25_000;
    expect(told?.invocations?.[0]).toMatchObject({
      executionSuccessful: true,
      toolExecutionNotifications: [{ level: "warning", message: { text: expect.stringContaining(`${leftOut} more findings`) } }],
    });
  });

  test("what could not be checked is a notification of a run that failed", () => {
    const failed = JSON.parse(formatReport(report({ unchecked: [unchecked] }), "sarif")) as Log;
    expect(failed.runs[0]?.invocations?.[0]).toMatchObject({
      executionSuccessful: false,
      exitCode: 2,
      toolExecutionNotifications: [{ level: "error", message: { text: 'There is nothing at "x".\nName a file.' } }],
    });
  });
});

test("JUnit has a case for each rule: failed, skipped or passed", () => {
  const xml = formatReport(report({ unchecked: [{ ...unchecked, module: "web" }] }), "junit");
  const cases = [...xml.matchAll(/<testcase classname="([^"]*)" name="([^"]*)" time="0"(?:\/>|>\s*<([a-z-]+))/g)];
  expect(cases.map(([, suite, name, result]) => [suite, name, result])).toEqual([
    ["novabot.web", "user", "failure"],
    ["novabot.web", "secret-values", "failure"],
    // A warning alone fails nothing.
    ["novabot.web", "mounts-read-only", "system-out"],
    ["novabot.web", "running", "system-out"],
    ["novabot.web", "restart", undefined],
    ["novabot.web", "health", "skipped"],
    ["novabot.web", "ports", "skipped"],
    ["novabot.web", "can be checked", "error"],
  ]);
  expect(xml).toContain('<testsuite name="web" tests="8" failures="2" errors="1" skipped="2" timestamp="2026-11-21T06:00:00">');
  expect(xml).toContain("why: Because &lt;it&gt; &amp; that.");
  expect(xml).toContain("100%\\x1b[31m");
  const raised = formatReport(report(), "junit", { bar: "warning" });
  expect(raised).toContain('failures="3"');
});

test("GitHub's commands escape what would end or change them", () => {
  const lines = formatReport(report({ unchecked: [unchecked] }), "github", { base: "/srv" }).split("\n");
  expect(lines[0]).toBe(
    '::error file=project/modules/web app/compose.yaml,line=4,endLine=4,col=11,endColumn=15,title=user (web)::The user "root" is root.%0AA process that is root in its container is root on the host the moment it leaves it, and what it writes belongs to root.%0AFix: Write `user: "1001:1001"`.',
  );
  expect(lines[2]).toContain("::warning file=");
  expect(lines[2]).toContain("100%25\\x1b[31m, they say.%0ABecause <it> & that.%0AFix: Add `:ro`.");
  expect(lines[3]).toBe(
    "::notice title=running (web / web-1)::The container was restarted twice.%0ANothing can be proven of a container that is not there.%0AFix: Look at its log.",
  );
  expect(lines[4]).toContain("::error file=project/x,line=1,");
  const odd = { ...user, module: "a,b:c\nd" };
  expect(formatReport(report({ findings: [odd] }), "github")).toContain("title=user (a%2Cb%3Ac\\nd / web)::");
});

test("no format quotes a secret, whatever else is told of its line", () => {
  const findings = [secret, { ...user, at: secret.at }];
  for (const format of reportFormats) expect(formatReport(report({ findings }), format)).not.toContain("hunter2");
});
