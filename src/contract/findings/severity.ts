import type { Finding, Report, Severity } from "./finding.ts";

/** From the gravest to the lightest. */
export const severities: readonly Severity[] = ["error", "warning", "advice"];

/** Whether `severity` is as grave as `bar`, or graver. */
export function reaches(severity: Severity, bar: Severity): boolean {
  return severities.indexOf(severity) <= severities.indexOf(bar);
}

/** The gravest of `findings`; undefined when there are none. */
export function gravest(findings: readonly Finding[]): Severity | undefined {
  return severities.find((severity) => findings.some((finding) => finding.severity === severity));
}

/**
 * The exit status of a check: 0 when the contract is kept, 1 when a finding is as grave as `bar`, 2 when something could not be
 * checked, whatever was found elsewhere: a check that did not look proves nothing.
 */
export function exitStatus(report: Report, bar: Severity = "error"): 0 | 1 | 2 {
  if (report.unchecked.length) return 2;
  return report.findings.some((finding) => reaches(finding.severity, bar)) ? 1 : 0;
}
