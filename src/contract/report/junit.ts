import type { CheckedRule, Finding, Report } from "../findings/finding.ts";
import { reaches } from "../findings/severity.ts";
import { harmless } from "./cells.ts";
import type { Format } from "./options.ts";
import { toldPath } from "./paths.ts";

/**
 * JUnit's XML: a suite for each module, a case for each rule. A finding as grave as the bar fails its case, a lighter one stands in the
 * case's output; a rule that could not be decided or does not apply is skipped; what could not be checked at all is an error.
 */
export function junitDocument(report: Report, format: Format): string {
  const modules = new Set([
    ...report.checked.map(({ module }) => module),
    ...[...report.findings, ...report.unchecked].map(({ module }) => module ?? ""),
  ]);
  const suites = [...modules].map((module) => suite(module, report, format));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: "novabot check", ...counts(suites.flatMap(({ cases }) => cases)) })}>`,
    ...suites.flatMap(({ name, cases }) => [
      `  <testsuite${attributes({ name, ...counts(cases), timestamp: report.at.toISOString().slice(0, 19) })}>`,
      ...cases.flatMap((one) => caseLines(name, one)),
      "  </testsuite>",
    ]),
    "</testsuites>",
  ].join("\n");
}

interface Case {
  readonly name: string;
  readonly result: "passed" | "failure" | "error" | "skipped";
  readonly message: string;
  readonly detail: string;
}

interface Suite {
  readonly name: string;
  readonly cases: readonly Case[];
}

function suite(module: string, report: Report, format: Format): Suite {
  const checked = report.checked.filter((one) => one.module === module);
  const found = Map.groupBy(
    report.findings.filter((finding) => (finding.module ?? "") === module),
    ({ rule }) => rule,
  );
  // A finding may be of a rule that was not in the list, and of no module.
  const others = [...found.keys()].filter((rule) => !checked.some((one) => one.rule === rule));
  const unchecked = report.unchecked.filter((one) => (one.module ?? "") === module);
  return {
    name: module === "" ? "check" : module,
    cases: [
      ...checked.map((one) => caseOf(one.rule, one, found.get(one.rule) ?? [], format)),
      ...others.map((rule) => caseOf(rule, undefined, found.get(rule) ?? [], format)),
      ...unchecked.map(({ message, next, at }): Case => {
        const place = at ? `${toldPath(at.file, format.base)}:${at.line}:${at.column}: ` : "";
        return { name: "can be checked", result: "error", message, detail: `${place}${message}\n${next}` };
      }),
    ],
  };
}

function caseOf(rule: string, checked: CheckedRule | undefined, findings: readonly Finding[], format: Format): Case {
  const detail = findings.map((finding) => told(finding, format)).join("\n\n");
  const failing = findings.filter(({ severity }) => reaches(severity, format.bar));
  if (failing.length) return { name: rule, result: "failure", message: failing.map(({ message }) => message).join(" "), detail };
  const isSkipped = checked?.verdict === "unknown" || checked?.verdict === "not applicable";
  if (isSkipped && !findings.length) {
    return { name: rule, result: "skipped", message: checked.note ?? checked.verdict, detail: "" };
  }
  return { name: rule, result: "passed", message: "", detail };
}

function told(finding: Finding, format: Format): string {
  const { at, severity, message, reason, fix, service, subject } = finding;
  const place = at ? `${toldPath(at.file, format.base)}:${at.line}:${at.column}` : (subject ?? service ?? "");
  const why = reason ?? format.rules.get(finding.rule)?.reason;
  return [`${place}: ${severity}: ${message}`, ...(why === undefined ? [] : [`why: ${why}`]), `fix: ${fix}`].join("\n");
}

function caseLines(suiteName: string, one: Case): string[] {
  const opening = `    <testcase${attributes({ classname: `novabot.${suiteName}`, name: one.name, time: "0" })}`;
  if (one.result === "passed" && one.detail === "") return [`${opening}/>`];
  if (one.result === "passed") {
    return [`${opening}>`, `      <system-out>${escapeXML(one.detail)}</system-out>`, "    </testcase>"];
  }
  if (one.result === "skipped")
    return [`${opening}>`, `      <skipped${attributes({ message: one.message })}/>`, "    </testcase>"];
  const type = one.result === "failure" ? "broken" : "not checked";
  return [
    `${opening}>`,
    `      <${one.result}${attributes({ message: one.message, type })}>${escapeXML(one.detail)}</${one.result}>`,
    "    </testcase>",
  ];
}

function counts(cases: readonly Case[]): Record<string, string> {
  const count = (result: Case["result"]): string => String(cases.filter((one) => one.result === result).length);
  return { tests: String(cases.length), failures: count("failure"), errors: count("error"), skipped: count("skipped") };
}

function attributes(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeXML(harmless(value))}"`)
    .join("");
}

/** Line by line, since XML has no way to write most control characters. */
function escapeXML(text: string): string {
  return text
    .split("\n")
    .map((line) =>
      harmless(line)
        .replace(/[\ufffe\uffff]/g, "\ufffd")
        .replaceAll("&", "&amp;")
        .replaceAll("<", "&lt;")
        .replaceAll(">", "&gt;")
        .replaceAll('"', "&quot;"),
    )
    .join("\n");
}
