import pc from "picocolors";
import type { Finding, Report, Severity, Unchecked } from "../findings/finding.ts";
import type { Place } from "../source/place.ts";
import { severities } from "../findings/severity.ts";
import { harmless } from "./cells.ts";
import { excerpt } from "./excerpt.ts";
import type { Format } from "./options.ts";
import { ownerOf } from "./owner.ts";
import { toldPath } from "./paths.ts";
import { Quotes } from "./quotes.ts";
import { summarize, tell } from "./summary.ts";
import { verdictTable } from "./verdict-table.ts";

/** Nobody reads more; the other formats have all. */
const MOST_FINDINGS = 1000;

type Colours = ReturnType<typeof pc.createColors>;

/** For people: every finding with its line, then the table of rules, then a line that sums up. */
export function textLines(report: Report, format: Format): string[] {
  const colours = pc.createColors(format.colour);
  const quotes = new Quotes(report);
  const blocks = [
    ...gravestOf(report.findings).map((finding) => findingLines(finding, quotes, format, colours)),
    ...report.unchecked.map((unchecked) => uncheckedLines(unchecked, quotes, format, colours)),
  ];
  const left = report.findings.length - MOST_FINDINGS;
  if (left > 0) blocks.push([`… and ${left} more: ask for one rule (--rule), or for a format with all (--format json).`]);
  const table = verdictTable(report, colours);
  return [...blocks.flatMap((lines) => [...lines, ""]), ...(table.length ? [...table, ""] : []), sumLine(report, colours)];
}

/** As many as are told, the gravest ones, in the report's order. */
function gravestOf(findings: readonly Finding[]): readonly Finding[] {
  if (findings.length <= MOST_FINDINGS) return findings;
  const told = new Set(
    severities.flatMap((severity) => findings.filter((finding) => finding.severity === severity)).slice(0, MOST_FINDINGS),
  );
  return findings.filter((finding) => told.has(finding));
}

function findingLines(finding: Finding, quotes: Quotes, format: Format, colours: Colours): string[] {
  const { rule, severity, module, message, reason, fix, at, related, subject } = finding;
  const why = reason ?? format.rules.get(rule)?.reason;
  const whose = harmless(ownerOf(finding, at !== undefined));
  return [
    `${head(at, subject ?? module ?? "", format, colours)}  ${painted(severity, colours)}  ${colours.bold(rule)}${
      whose === "" ? "" : `  ${colours.dim(whose)}`
    }`,
    ...quotedLines(at, quotes, (carets) => inColour(severity, colours)(carets), colours),
    `  ${harmless(message)}`,
    ...(related ?? []).flatMap((other) => [
      `  ${colours.dim("see")}  ${toldPlace(other.at, format)}  ${harmless(other.message)}`,
      ...quotedLines(other.at, quotes, colours.dim, colours),
    ]),
    ...(why === undefined ? [] : [`  ${colours.dim("why")}  ${harmless(why)}`]),
    `  ${colours.dim("fix")}  ${harmless(fix)}${finding.edits?.length ? colours.dim("  (--fix does it)") : ""}`,
  ];
}

function uncheckedLines(unchecked: Unchecked, quotes: Quotes, format: Format, colours: Colours): string[] {
  const { module, message, next, at } = unchecked;
  return [
    `${at || module !== undefined ? `${head(at, module ?? "", format, colours)}  ` : ""}${colours.magenta("not checked")}${
      module !== undefined && at ? `  ${colours.dim(harmless(module))}` : ""
    }`,
    ...quotedLines(at, quotes, colours.magenta, colours),
    `  ${harmless(message)}`,
    `  ${colours.dim("next")}  ${harmless(next)}`,
  ];
}

function sumLine(report: Report, colours: Colours): string {
  const summary = summarize(report);
  const broken = summary.errors + summary.warnings + summary.advice > 0;
  const parts = [
    `Checked ${summary.modules} ${summary.modules === 1 ? "module" : "modules"}: found ${tell(summary)}.`,
    ...(summary.ignored ? [`${summary.ignored} ignored, each with a reason.`] : []),
    ...(summary.unchecked ? [`${summary.unchecked} could not be checked.`] : []),
    ...(summary.fixable ? [`\`novabot check --fix\` mends ${summary.fixable}.`] : []),
  ];
  const paint = summary.errors ? colours.red : broken || summary.unchecked ? colours.yellow : colours.green;
  return paint(parts.join(" "));
}

function quotedLines(at: Place | undefined, quotes: Quotes, paint: (text: string) => string, colours: Colours): string[] {
  const quoted = at && excerpt(quotes, at);
  if (!quoted) return [];
  const bar = quoted.marked.indexOf("|") + 1;
  return [quoted.quoted, colours.dim(quoted.marked.slice(0, bar)) + paint(quoted.marked.slice(bar))];
}

function head(at: Place | undefined, otherwise: string, format: Format, colours: Colours): string {
  return colours.underline(at ? toldPlace(at, format) : harmless(otherwise));
}

function toldPlace(at: Place, format: Format): string {
  return `${harmless(toldPath(at.file, format.base))}:${at.line}:${at.column}`;
}

function painted(severity: Severity, colours: Colours): string {
  return inColour(severity, colours)(severity);
}

function inColour(severity: Severity, colours: Colours): (text: string) => string {
  return { error: colours.red, warning: colours.yellow, advice: colours.cyan }[severity];
}
