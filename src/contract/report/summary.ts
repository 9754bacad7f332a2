import type { Report, Severity } from "../findings/finding.ts";

export interface Summary {
  readonly errors: number;
  readonly warnings: number;
  readonly advice: number;
  readonly ignored: number;
  readonly unchecked: number;
  readonly modules: number;
  /** Findings that `--fix` would mend. */
  readonly fixable: number;
}

export function summarize(report: Report): Summary {
  const count = (severity: Severity): number => report.findings.filter((finding) => finding.severity === severity).length;
  return {
    errors: count("error"),
    warnings: count("warning"),
    advice: count("advice"),
    ignored: report.ignored.length,
    unchecked: report.unchecked.length,
    modules: new Set(report.checked.map(({ module }) => module)).size,
    fixable: report.findings.filter(({ edits }) => edits?.length).length,
  };
}

/** `2 errors, 1 warning and 5 pieces of advice`. */
export function tell(summary: Summary): string {
  const parts = [
    counted(summary.errors, "error", "errors"),
    counted(summary.warnings, "warning", "warnings"),
    counted(summary.advice, "piece of advice", "pieces of advice"),
  ].filter((part) => part !== undefined);
  if (!parts.length) return "nothing";
  return parts.length === 1 ? (parts[0] ?? "") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1) ?? ""}`;
}

function counted(count: number, one: string, many: string): string | undefined {
  return count === 0 ? undefined : `${count} ${count === 1 ? one : many}`;
}
