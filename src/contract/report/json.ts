import type { Finding, Report } from "../findings/finding.ts";
import { exitStatus } from "../findings/severity.ts";
import type { Place } from "../source/place.ts";
import type { Format } from "./options.ts";
import { toldPath } from "./paths.ts";
import { summarize, type Summary } from "./summary.ts";

/** Grows only by additions within one version. */
const VERSION = 1;

interface ToldPlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

interface ToldFinding {
  readonly rule: string;
  readonly severity: Finding["severity"];
  readonly module: string | null;
  readonly service: string | null;
  readonly subject: string | null;
  readonly message: string;
  readonly reason: string | null;
  readonly fix: string;
  readonly place: ToldPlace | null;
  readonly related: readonly { readonly message: string; readonly place: ToldPlace }[];
  readonly fixable: boolean;
}

/** What `--format json` prints; files are told from `root` where they lie below it. */
export interface JSONReport {
  readonly version: typeof VERSION;
  readonly tool: { readonly name: "novabot"; readonly version: string | null };
  readonly kind: Report["kind"];
  readonly at: string;
  readonly root: string;
  readonly exitStatus: 0 | 1 | 2;
  readonly summary: Summary;
  readonly findings: readonly ToldFinding[];
  readonly ignored: readonly (ToldFinding & { readonly ignored: { readonly reason: string; readonly place: ToldPlace } })[];
  readonly unchecked: readonly {
    readonly module: string | null;
    readonly message: string;
    readonly next: string;
    readonly place: ToldPlace | null;
  }[];
  readonly checked: readonly {
    readonly rule: string;
    readonly module: string;
    readonly verdict: string;
    readonly note: string | null;
  }[];
}

export function jsonDocument(report: Report, format: Format): JSONReport {
  const told = (at: Place): ToldPlace => ({ ...at, file: toldPath(at.file, report.root) });
  const finding = (one: Finding): ToldFinding => ({
    rule: one.rule,
    severity: one.severity,
    module: one.module ?? null,
    service: one.service ?? null,
    subject: one.subject ?? null,
    message: one.message,
    reason: one.reason ?? format.rules.get(one.rule)?.reason ?? null,
    fix: one.fix,
    place: one.at ? told(one.at) : null,
    related: (one.related ?? []).map(({ at, message }) => ({ message, place: told(at) })),
    fixable: Boolean(one.edits?.length),
  });
  return {
    version: VERSION,
    tool: { name: "novabot", version: format.version ?? null },
    kind: report.kind,
    at: report.at.toISOString(),
    root: report.root,
    exitStatus: exitStatus(report, format.bar),
    summary: summarize(report),
    findings: report.findings.map(finding),
    ignored: report.ignored.map(({ finding: one, reason, comment }) => ({
      ...finding(one),
      ignored: { reason, place: told(comment) },
    })),
    unchecked: report.unchecked.map(({ module, message, next, at }) => ({
      module: module ?? null,
      message,
      next,
      place: at ? told(at) : null,
    })),
    checked: report.checked.map(({ rule, module, verdict, note }) => ({ rule, module, verdict, note: note ?? null })),
  };
}
