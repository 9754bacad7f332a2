import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Option, type Command } from "commander";
import pc from "picocolors";
import type { Report, Severity } from "../contract/findings/finding.ts";
import { near } from "../contract/findings/near.ts";
import { select, type Selection } from "../contract/findings/selection.ts";
import { exitStatus, severities } from "../contract/findings/severity.ts";
import { formatReport, reportFormats, type ReportFormat } from "../contract/report/format.ts";
import { isBelow } from "../contract/report/paths.ts";
import { ruleDescriptions } from "../contract/rules/catalogue.ts";
import { NovaError, quote, reasonOf } from "../model/errors.ts";
import type { CLIContext } from "./context.ts";
import { version } from "../host/version.ts";

/** What is told of a check, and how; both ways of checking take it. */
export interface ReportOptions {
  readonly format?: ReportFormat;
  readonly json?: boolean;
  readonly rule: readonly string[];
  readonly severity?: Severity;
  readonly output?: string;
  /** A document of JSON on one line, for one that is one of many. */
  readonly oneLine?: boolean;
}

export function addReportOptions(command: Command): Command {
  return command
    .addOption(new Option("--format <format>", "how the report is written (text)").choices(reportFormats))
    .option("--json", "the same as --format json")
    .option("--rule <id>", "only this rule; may be repeated", collect, [])
    .addOption(new Option("--severity <severity>", "tell nothing lighter, and fail on all that is told").choices(severities))
    .option("--output <file>", "write the report there; stdout then has the text for people");
}

export function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, ...value.split(",").filter((part) => part !== "")];
}

/** The rules and the severity of the options. Throws USAGE for a rule that there is not. */
export function selectionOf(options: ReportOptions): Selection {
  for (const rule of options.rule) requireRule(rule, "--rule");
  return { rules: options.rule, severity: options.severity };
}

export function requireRule(rule: string, place: string): void {
  const ids = ruleDescriptions.map(({ id }): string => id);
  if (ids.includes(rule)) return;
  const meant = near(rule, ids).map((id) => quote(id));
  throw new NovaError("USAGE", `There is no rule ${quote(rule)}.`, {
    place,
    next: meant.length ? `Did you mean ${meant.join(" or ")}? See \`novabot check --rules\`.` : "See `novabot check --rules`.",
  });
}

/** Throws USAGE when --json and --format disagree. */
export function formatOf(options: ReportOptions): ReportFormat {
  if (options.json && options.format !== undefined && options.format !== "json") {
    throw new NovaError("USAGE", `--json and --format ${options.format} ask for two formats.`, {
      place: "--format",
      next: "Leave one of them out.",
    });
  }
  return options.json ? "json" : (options.format ?? "text");
}

/** Writes the part of the report that was asked for, and sets the exit status. */
export async function tellReport(whole: Report, options: ReportOptions, context: CLIContext, cwd: string): Promise<void> {
  const report = select(whole, selectionOf(options));
  const format = formatOf(options);
  const bar = options.severity ?? "error";
  context.setExitCode(exitStatus(report, bar));
  const text = (as: ReportFormat, colour: boolean): string => {
    const document = formatReport(report, as, { base: baseOf(as, cwd, context), bar, colour, version: version() });
    return options.oneLine && as === "json" ? JSON.stringify(JSON.parse(document)) : document;
  };
  if (options.output === undefined) return context.print(text(format, hasColour(context)));
  const file = resolve(cwd, options.output);
  try {
    await writeFile(file, `${text(format, false)}\n`);
  } catch (thrown) {
    throw new NovaError("USAGE", `The report cannot be written to ${quote(file)}: ${reasonOf(thrown)}.`, {
      place: "--output",
      next: "Name a file in a directory that is there.",
      cause: thrown,
    });
  }
  context.print(text("text", hasColour(context)));
}

/** Where the command was given. Throws CHECK_UNREADABLE when somebody removed that directory meanwhile. */
export function currentDirectory(): string {
  try {
    return process.cwd();
  } catch (thrown) {
    throw new NovaError("CHECK_UNREADABLE", "The current directory is not there any more.", {
      place: "the current directory",
      next: "Change to a directory that is there, or name what to check by its whole path from one.",
      cause: thrown,
    });
  }
}

/** People click on paths from where they are; GitHub and other services know the repository. */
function baseOf(format: ReportFormat, cwd: string, context: CLIContext): string {
  if (format === "text") return cwd;
  const workspace = context.env["GITHUB_WORKSPACE"];
  if (workspace && isBelow(cwd, workspace)) return workspace;
  for (let directory = cwd; ; directory = dirname(directory)) {
    if (existsSync(join(directory, ".git"))) return directory;
    if (directory === dirname(directory)) return cwd;
  }
}

function hasColour(context: CLIContext): boolean {
  const isTerminal = "isTTY" in context.stdout && context.stdout.isTTY === true;
  return pc.isColorSupported && (isTerminal || Boolean(context.env["FORCE_COLOR"]));
}
