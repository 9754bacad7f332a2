import type { Report } from "../findings/finding.ts";
import { githubLines } from "./github.ts";
import { jsonDocument } from "./json.ts";
import { junitDocument } from "./junit.ts";
import { resolved, type Format, type FormatOptions } from "./options.ts";
import { sarifDocument } from "./sarif.ts";
import { textLines } from "./text.ts";

export type ReportFormat = "text" | "json" | "sarif" | "junit" | "github";

const formats: Readonly<Record<ReportFormat, (report: Report, format: Format) => string>> = {
  text: (report, format) => textLines(report, format).join("\n"),
  json: (report, format) => JSON.stringify(jsonDocument(report, format), null, 2),
  sarif: (report, format) => JSON.stringify(sarifDocument(report, format), null, 2),
  junit: junitDocument,
  github: (report, format) => githubLines(report, format).join("\n"),
};

export const reportFormats: readonly ReportFormat[] = ["text", "json", "sarif", "junit", "github"];

/** The report as text in one of the formats, without a line break at its end. See docs/check.md for each one's form. */
export function formatReport(report: Report, format: ReportFormat, options: FormatOptions = {}): string {
  return formats[format](report, resolved(report, options));
}
