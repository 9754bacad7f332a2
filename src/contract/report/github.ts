import type { Finding, Report, Severity } from "../findings/finding.ts";
import type { Place } from "../source/place.ts";
import { harmless } from "./cells.ts";
import type { Format } from "./options.ts";
import { ownerOf } from "./owner.ts";
import { toldPath } from "./paths.ts";
import { summarize, tell } from "./summary.ts";

const commands: Readonly<Record<Severity, string>> = { error: "error", warning: "warning", advice: "notice" };

/** GitHub's workflow commands: each finding becomes a note beside its line of the change. */
export function githubLines(report: Report, format: Format): string[] {
  return [
    ...report.findings.map((finding) => findingLine(finding, format)),
    ...report.unchecked.map(({ at, module, message, next }) =>
      command(
        "error",
        { ...placed(at, format), title: titled("not checked", module) },
        `${harmless(message)}\n${harmless(next)}`,
      ),
    ),
    `Found ${tell(summarize(report))}.`,
  ];
}

function findingLine(finding: Finding, format: Format): string {
  const { rule, severity, message, reason, fix, at } = finding;
  const why = reason ?? format.rules.get(rule)?.reason;
  const body = [message, ...(why === undefined ? [] : [why]), `Fix: ${fix}`].map(harmless).join("\n");
  return command(commands[severity], { ...placed(at, format), title: titled(rule, ownerOf(finding, true)) }, body);
}

function titled(what: string, whose: string | undefined): string {
  return whose ? `${what} (${whose})` : what;
}

/** GitHub takes columns only of places on one line. */
function placed(at: Place | undefined, format: Format): Record<string, string | number> {
  if (!at) return {};
  const columns = at.endLine === at.line ? { col: at.column, endColumn: at.endColumn } : {};
  return { file: toldPath(at.file, format.base), line: at.line, endLine: at.endLine, ...columns };
}

function command(name: string, properties: Readonly<Record<string, string | number>>, message: string): string {
  const told = Object.entries(properties).map(([key, value]) => `${key}=${escapeProperty(harmless(String(value)))}`);
  return `::${name} ${told.join(",")}::${escapeData(message)}`;
}

function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
