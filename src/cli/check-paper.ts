import type { Command } from "commander";
import { select } from "../contract/findings/selection.ts";
import { exitStatus } from "../contract/findings/severity.ts";
import { unifiedDiff } from "../contract/fix/diff.ts";
import { toldPath } from "../contract/report/paths.ts";
import { fixPaper, planPaperFixes } from "../host/check/fix.ts";
import { imagesOfEngine } from "../host/check/images.ts";
import { checkPaperWithin, type CheckPaperOptions } from "../host/check/paper.ts";
import { NovaError } from "../model/errors.ts";
import { currentDirectory, formatOf, selectionOf, tellReport } from "./check-report.ts";
import type { CheckOptions } from "./check.ts";
import type { CLIContext } from "./context.ts";
import { describeError, visible } from "./output.ts";
import { chosenHomePath } from "./home-path.ts";

/** `novabot check` without `--live`, with or without `--fix`. */
export async function checkOnPaper(
  paths: readonly string[],
  options: CheckOptions,
  command: Command,
  context: CLIContext,
): Promise<void> {
  const selection = selectionOf(options);
  const format = formatOf(options);
  if (options.dryRun && !options.fix) {
    throw new NovaError("USAGE", "--dry-run goes with --fix.", { place: "--dry-run", next: "Add --fix, or leave it out." });
  }
  if (options.dryRun && (format !== "text" || options.output !== undefined)) {
    throw new NovaError("USAGE", "--dry-run prints a diff, which is no report.", {
      place: "--dry-run",
      next: "Leave --format, --json and --output out.",
    });
  }
  const cwd = currentDirectory();
  const request: CheckPaperOptions = {
    paths,
    cwd,
    home: chosenHomePath(command, context),
    env: context.env,
    environmentName: options.env,
    ...(options.profile.length ? { profiles: options.profile } : {}),
    ...(options.images ? { askForImage: imagesOfEngine(context.env) } : {}),
  };
  if (!options.fix) return await tellReport((await checkPaperWithin(request)).report, options, context, cwd);
  if (options.dryRun) {
    const check = await checkPaperWithin(request);
    const { files, failures } = planPaperFixes(check, selection);
    for (const plan of files) context.printAnswer(unifiedDiff(plan, toldPath(plan.file, cwd)).join("\n"));
    context.note(files.length ? `${counted(files.length, "file")} would change.` : "There is nothing that --fix would mend.");
    context.setExitCode(exitStatus(select(check.report, selection), options.severity ?? "error"));
    tellFailures(failures, context);
    return;
  }
  const { report, mended, files, failures } = await fixPaper(request, selection);
  if (mended.length) {
    context.note(`Mended ${counted(mended.length, "finding")} in ${counted(files.length, "file")}:`);
    for (const file of files) context.note(`  ${visible(toldPath(file, cwd))}`);
  }
  await tellReport(report, options, context, cwd);
  tellFailures(failures, context);
}

/** What could not be mended is told, and makes the command fail as a set-up that is not in order. */
function tellFailures(failures: readonly NovaError[], context: CLIContext): void {
  for (const failure of failures) for (const line of describeError(failure)) context.note(line);
  if (failures.length) context.setExitCode(2);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
