import type pc from "picocolors";
import type { CheckedRule, Report, Severity } from "../findings/finding.ts";
import { gravest } from "../findings/severity.ts";
import { harmless, padded, widthOf } from "./cells.ts";

type Colours = ReturnType<typeof pc.createColors>;
type Mark = "kept" | Severity | "unknown" | "-";

/** More columns than this do not fit a terminal: then each module is a row of its own. */
const MOST_COLUMNS = 4;
/** Rules that are unknown everywhere and still have a row each. */
const MOST_UNKNOWN = 5;

/** How every rule went for every module. Rules that apply to no module are left out. */
export function verdictTable(report: Report, colours: Colours): string[] {
  const modules = [...new Set(report.checked.map(({ module }) => module))];
  if (!modules.length) return [];
  return modules.length > MOST_COLUMNS ? rowsOfModules(report, modules, colours) : columnsOfModules(report, modules, colours);
}

function columnsOfModules(report: Report, modules: readonly string[], colours: Colours): string[] {
  const rules = [...new Set(report.checked.map(({ rule }) => rule))];
  const marks = marksOf(report);
  const notes = new Map(report.checked.map((one) => [`${one.module}\0${one.rule}`, one]));
  const isUnknown = (rule: string): boolean => modules.every((module) => marks.get(`${module}\0${rule}`) === "unknown");
  // Of a file that cannot be read, every rule is unknown: one line says it.
  const unknown = rules.filter(isUnknown);
  const isLong = unknown.length > MOST_UNKNOWN;
  const rows = rules.flatMap((rule) => {
    const row = modules.map((module) => marks.get(`${module}\0${rule}`) ?? "-");
    if (row.every((mark) => mark === "-") || (isLong && isUnknown(rule))) return [];
    // One module has room for what was measured.
    const note = modules.length === 1 ? notes.get(`${modules[0] ?? ""}\0${rule}`)?.note : undefined;
    return [[rule, ...row, ...(note === undefined ? [] : [note])]];
  });
  const rest = isLong ? [[`${unknown.length} other rules`, ...modules.map(() => "unknown")]] : [];
  return aligned([["rule", ...modules], ...rows, ...rest], colours);
}

function rowsOfModules(report: Report, modules: readonly string[], colours: Colours): string[] {
  const marks = marksOf(report);
  const rules = [...new Set(report.checked.map(({ rule }) => rule))];
  const rows = modules.map((module) => {
    const row = rules.map((rule) => marks.get(`${module}\0${rule}`) ?? "-");
    const count = (mark: Mark): string => String(row.filter((one) => one === mark).length);
    return [module, count("kept"), count("error"), count("warning"), count("advice"), count("unknown")];
  });
  return aligned([["module", "kept", "error", "warning", "advice", "unknown"], ...rows], colours);
}

/** By module and rule. A broken rule is told as grave as its gravest finding. */
function marksOf(report: Report): ReadonlyMap<string, Mark> {
  const found = Map.groupBy(report.findings, (finding) => `${finding.module ?? ""}\0${finding.rule}`);
  const loose = Map.groupBy(
    report.findings.filter(({ module }) => module === undefined),
    ({ rule }) => rule,
  );
  const markOf = ({ rule, module, verdict }: CheckedRule): Mark => {
    if (verdict === "not applicable") return "-";
    if (verdict !== "broken") return verdict;
    return gravest(found.get(`${module}\0${rule}`) ?? loose.get(rule) ?? []) ?? "-";
  };
  return new Map(report.checked.map((one) => [`${one.module}\0${one.rule}`, markOf(one)]));
}

function aligned(rows: readonly (readonly string[])[], colours: Colours): string[] {
  const safe = rows.map((row) => row.map(harmless));
  const columns = Math.max(...safe.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    safe.reduce((most, row) => Math.max(most, widthOf(row[column] ?? "")), 0),
  );
  const paints: Readonly<Record<string, (text: string) => string>> = {
    kept: colours.green,
    error: colours.red,
    warning: colours.yellow,
    advice: colours.cyan,
    unknown: colours.magenta,
    "-": colours.dim,
  };
  return safe.map((row, index) =>
    row
      .map((cell, column) => {
        const text = column === row.length - 1 ? cell : padded(cell, widths[column] ?? 0);
        return index === 0 ? colours.dim(text) : column === 0 ? text : (paints[cell] ?? colours.dim)(text);
      })
      .join("  "),
  );
}
