import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import type {
  ArtifactLocation,
  Fix,
  Location,
  Log,
  LogicalLocation,
  Notification,
  ReportingDescriptor,
  Result,
  Suppression,
} from "sarif";
import type { Finding, Report, Severity, Unchecked } from "../findings/finding.ts";
import { exitStatus, severities } from "../findings/severity.ts";
import type { Edit } from "../source/edit.ts";
import type { Place } from "../source/place.ts";
import type { RuleDescription } from "../rules/rule.ts";
import { harmless } from "./cells.ts";
import type { Format } from "./options.ts";
import { isBelow, toldPath } from "./paths.ts";
import { Quotes } from "./quotes.ts";

const levels = { error: "error", warning: "warning", advice: "note" } as const satisfies Readonly<Record<Severity, string>>;
/** GitHub's words for how grave a rule is. */
const problems = { error: "error", warning: "warning", advice: "recommendation" } as const;
const ROOT = "%SRCROOT%";
/** GitHub refuses a run that has more. */
const MOST_RESULTS = 25_000;

/** SARIF 2.1.0, with what GitHub's code scanning asks for. Ignored findings are in it as suppressed ones. */
export function sarifDocument(report: Report, format: Format): Log {
  const quotes = new Quotes(report);
  const { findings, ignored, leftOut } = bounded(report);
  const told = new Set([...report.checked, ...findings, ...ignored.map(({ finding }) => finding)].map(({ rule }) => rule));
  const notifications = [...report.unchecked.map((one) => notificationOf(one, format)), ...leftOut];
  const rules = [...told].toSorted();
  const seen = new Map<string, number>();
  const result = (finding: Finding, suppressions: Suppression[]): Result => ({
    ruleId: finding.rule,
    ruleIndex: rules.indexOf(finding.rule),
    kind: "fail",
    level: levels[finding.severity],
    message: {
      text: [finding.message, finding.reason, `Fix: ${finding.fix}`]
        .filter((part) => part !== undefined)
        .map(harmless)
        .join("\n"),
    },
    locations: [locationOf(finding, format)],
    partialFingerprints: { "novabotFinding/v1": fingerprint(finding, quotes, format, seen) },
    ...(finding.related?.length
      ? {
          relatedLocations: finding.related.map(({ at, message }, id) => ({
            id,
            ...placed(at, format),
            message: { text: harmless(message) },
          })),
        }
      : {}),
    ...(finding.edits?.length ? { fixes: fixesOf(finding, finding.edits, quotes, format) } : {}),
    // A run that has suppressed results says of each result whether it is one.
    ...(ignored.length ? { suppressions } : {}),
  });
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "NovaBot",
            ...(format.version === undefined ? {} : { semanticVersion: format.version }),
            rules: rules.map((id) => descriptorOf(id, format.rules.get(id))),
          },
        },
        automationDetails: { id: `novabot-check/${report.kind}/` },
        columnKind: "utf16CodeUnits",
        originalUriBaseIds: { [ROOT]: { uri: directoryURL(format.base) } },
        invocations: [
          {
            executionSuccessful: report.unchecked.length === 0,
            exitCode: exitStatus(report, format.bar),
            endTimeUtc: report.at.toISOString(),
            ...(notifications.length ? { toolExecutionNotifications: notifications } : {}),
          },
        ],
        results: [
          ...findings.map((finding) => result(finding, [])),
          ...ignored.map(({ finding, reason, comment }) =>
            result(finding, [
              {
                kind: "inSource",
                status: "accepted",
                justification: harmless(reason),
                location: placed(comment, format),
              },
            ]),
          ),
        ],
      },
    ],
  };
}

/** As many findings as one run may have, the gravest of them, in their order; what is accepted comes last. A notification says how many are not told. */
function bounded({ findings, ignored }: Report): Pick<Report, "findings" | "ignored"> & { readonly leftOut: Notification[] } {
  const count = findings.length + ignored.length - MOST_RESULTS;
  if (count <= 0) return { findings, ignored, leftOut: [] };
  let room = MOST_RESULTS;
  const kept = severities.flatMap((severity) => {
    const some = [...findings.entries()].filter(([, finding]) => finding.severity === severity).slice(0, room);
    room -= some.length;
    return some;
  });
  const text = `${count} more findings are not in this file, which may have ${MOST_RESULTS}: the least grave ones, and accepted ones before those.\nMend some of these, or check with --rule or --severity; the other formats have them all.`;
  return {
    findings: kept.toSorted(([one], [other]) => one - other).map(([, finding]) => finding),
    ignored: ignored.slice(0, room),
    leftOut: [{ level: "warning", message: { text } }],
  };
}

function descriptorOf(id: string, rule: RuleDescription | undefined): ReportingDescriptor {
  if (!rule) return { id };
  const help = `${sentence(rule.title)} ${rule.reason}`;
  return {
    id,
    shortDescription: { text: sentence(rule.title) },
    fullDescription: { text: rule.reason },
    help: {
      text: `${help}\n\nMore: novabot check --explain ${id}`,
      markdown: `${help}\n\nMore: \`novabot check --explain ${id}\``,
    },
    defaultConfiguration: { level: levels[rule.severity] },
    properties: { tags: ["containers", "contract"], precision: "very-high", "problem.severity": problems[rule.severity] },
  };
}

function notificationOf({ message, next, at }: Unchecked, format: Format): Notification {
  return {
    level: "error",
    message: { text: `${harmless(message)}\n${harmless(next)}` },
    ...(at ? { locations: [placed(at, format)] } : {}),
  };
}

/** Every result needs a place in a file to be shown: what only runs has the root. */
function locationOf(finding: Finding, format: Format): Location {
  const { module, service, subject } = finding;
  const name = [module, service, subject].filter((part) => part !== undefined).map(harmless);
  const logical: LogicalLocation[] = name.length
    ? [{ name: name.at(-1) ?? "", fullyQualifiedName: name.join("/"), kind: service === undefined ? "module" : "resource" }]
    : [];
  const physical = finding.at
    ? placed(finding.at, format)
    : { physicalLocation: { artifactLocation: artifact(format.base, format), region: { startLine: 1 } } };
  return { ...physical, ...(logical.length ? { logicalLocations: logical } : {}) };
}

function placed(at: Place, format: Format): Location {
  const { line, column, endLine, endColumn } = at;
  return {
    physicalLocation: {
      artifactLocation: artifact(at.file, format),
      region: { startLine: line, startColumn: column, endLine, endColumn },
    },
  };
}

function artifact(file: string, format: Format): ArtifactLocation {
  if (!isBelow(file, format.base)) return { uri: pathToFileURL(file).href };
  return {
    uri: toldPath(file, format.base)
      .split("/")
      .map((part) => encodeURIComponent(part.toWellFormed()))
      .join("/"),
    uriBaseId: ROOT,
  };
}

function fixesOf(finding: Finding, edits: readonly Edit[], quotes: Quotes, format: Format): Fix[] {
  const changes = [...Map.groupBy(edits, ({ file }) => file)].map(([file, changed]) => ({
    artifactLocation: artifact(file, format),
    replacements: changed.map(({ start, end, text }) => {
      const index = quotes.index(file);
      const from = index?.position(start) ?? { line: 1, column: 1 };
      const to = index?.position(end) ?? from;
      return {
        deletedRegion: { startLine: from.line, startColumn: from.column, endLine: to.line, endColumn: to.column },
        insertedContent: { text },
      };
    }),
  }));
  return [{ description: { text: harmless(finding.fix) }, artifactChanges: changes }];
}

/** The same for the same trouble after lines were added above it: of what was found and the line's text, not of its number. */
function fingerprint(finding: Finding, quotes: Quotes, format: Format, seen: Map<string, number>): string {
  const { rule, module, service, subject, at } = finding;
  const line = at ? (quotes.line(at.file, at.line) ?? "").trim() : finding.message;
  const parts = [rule, module ?? "", service ?? "", subject ?? "", at ? toldPath(at.file, format.base) : "", line];
  const hash = createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
  const before = seen.get(hash) ?? 0;
  seen.set(hash, before + 1);
  return `${hash}:${before + 1}`;
}

function directoryURL(directory: string): string {
  const { href } = pathToFileURL(directory);
  return href.endsWith("/") ? href : `${href}/`;
}

function sentence(title: string): string {
  return `${title.charAt(0).toUpperCase()}${title.slice(1)}.`;
}
