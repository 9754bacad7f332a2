import type { CheckedRule, Finding, Report, Severity } from "./finding.ts";
import { reaches, severities } from "./severity.ts";

export interface Selection {
  /** Ids; empty or undefined is all of them. */
  readonly rules?: readonly string[] | undefined;
  /** The lightest severity that is told. */
  readonly severity?: Severity | undefined;
}

/** The part of `report` that somebody asked for. What could not be checked stays in it. */
export function select(report: Report, selection: Selection): Report {
  const { rules, severity } = selection;
  const isWanted = (rule: string): boolean => !rules?.length || rules.includes(rule);
  const isTold = (finding: Finding): boolean =>
    isWanted(finding.rule) && (severity === undefined || reaches(finding.severity, severity));
  return {
    ...report,
    findings: report.findings.filter(isTold),
    ignored: report.ignored.filter(({ finding }) => isTold(finding)),
    checked: report.checked.filter(({ rule }) => isWanted(rule)),
  };
}

/** Findings in the order in which people mend them: file by file, line by line, the gravest first; the same one only once. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  const keyed = findings.map((finding) => ({ finding, key: identity(finding) }));
  const once = new Map(keyed.toReversed().map(({ finding, key }) => [key, finding]));
  return [...once.values()].toSorted(
    (a, b) =>
      compare(a.at?.file ?? "\uffff", b.at?.file ?? "\uffff") ||
      (a.at?.line ?? 0) - (b.at?.line ?? 0) ||
      (a.at?.column ?? 0) - (b.at?.column ?? 0) ||
      severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
      compare(a.module ?? "", b.module ?? "") ||
      compare(a.service ?? "", b.service ?? "") ||
      compare(a.subject ?? "", b.subject ?? "") ||
      compare(a.rule, b.rule) ||
      compare(a.message, b.message),
  );
}

/** Reports of several projects as one; `root` is where all of them are told from. */
export function joinReports(root: string, reports: readonly Report[], at: Date): Report {
  return {
    kind: reports[0]?.kind ?? "paper",
    at,
    root,
    findings: inOrder(reports.flatMap((report) => report.findings)),
    ignored: reports.flatMap((report) => report.ignored),
    unchecked: reports.flatMap((report) => report.unchecked),
    checked: worstOfEach(reports.flatMap((report) => report.checked)),
    sources: new Map(reports.flatMap((report) => [...report.sources])),
    secret: reports.flatMap((report) => report.secret ?? []),
  };
}

const verdicts: readonly CheckedRule["verdict"][] = ["broken", "unknown", "kept", "not applicable"];

/** One verdict for each rule of each module. */
function worstOfEach(checked: readonly CheckedRule[]): CheckedRule[] {
  const worst = new Map<string, CheckedRule>();
  for (const one of checked) {
    const key = `${one.module}\0${one.rule}`;
    const before = worst.get(key);
    if (!before || verdicts.indexOf(one.verdict) < verdicts.indexOf(before.verdict)) worst.set(key, one);
  }
  return [...worst.values()];
}

function identity(finding: Finding): string {
  const { rule, module, service, at, message, subject } = finding;
  return JSON.stringify([rule, module, service, at, message, subject]);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
