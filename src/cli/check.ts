import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Option, type Command } from "commander";
import type { EnvironmentName } from "../contract/declaration/contract.ts";
import { ruleDescriptions } from "../contract/rules/catalogue.ts";
import { packageRoot } from "../host/package-root.ts";
import { NovaError, quote } from "../model/errors.ts";
import { addReportOptions, collect, formatOf, requireRule, type ReportOptions } from "./check-report.ts";
import type { CLIContext } from "./context.ts";
import { table } from "./output.ts";

export interface CheckOptions extends ReportOptions {
  readonly env?: EnvironmentName;
  readonly profile: readonly string[];
  readonly images: boolean;
  readonly fix?: boolean;
  readonly dryRun?: boolean;
  readonly explain?: string;
  readonly rules?: boolean;
  readonly live?: boolean;
  readonly watch?: string | true;
  readonly wait?: string;
}

export function addCheckCommand(program: Command, context: CLIContext): void {
  const command = program
    .command("check")
    .description(
      "Hold Compose files, Dockerfiles and images to the contract, without running anything (or, with --live, what runs). PATH is a contract.yaml, a Compose file, a directory or a module's name; without one, the contract around the current directory.",
    )
    .argument("[paths...]", "what to check")
    .addOption(new Option("--env <name>", "whose env file the modules take (local)").choices(["local", "prod"]))
    .option("--profile <name>", "count the services of this Compose profile as started; may be repeated", collect, [])
    .option("--no-images", "ask no engine what images say of themselves")
    .option("--fix", "mend what can be mended without a decision, then check again")
    .option("--dry-run", "with --fix: print the change as a diff instead of making it")
    .option("--live", "check what runs: containers, by what the engine and the kernel say; PATH may also be a group's folder")
    .option("--watch [seconds]", "with --live: check again and again (every 10 seconds), and tell what changes")
    .option("--wait <seconds>", "with --live: wait so long for what is not decided, such as a log that shall grow")
    .option("--explain <rule>", "print the page of a rule")
    .option("--rules", "list the rules");
  addReportOptions(command).action(async (paths: string[], options: CheckOptions) => {
    if (options.rules) return listRules(options, context);
    if (options.explain !== undefined) return context.print(await explain(options.explain));
    if (options.live) {
      const { checkWhatRuns } = await import("./check-live.ts");
      return await checkWhatRuns(paths, options, command, context);
    }
    if (options.watch !== undefined || options.wait !== undefined) {
      throw new NovaError("USAGE", "--watch and --wait are about what runs.", { place: "--watch", next: "Add --live." });
    }
    // What reads Compose files takes a moment to load, which no other command shall wait for.
    const { checkOnPaper } = await import("./check-paper.ts");
    await checkOnPaper(paths, options, command, context);
  });
}

function listRules(options: ReportOptions, context: CLIContext): void {
  if (formatOf(options) === "json") return context.printJSON(ruleDescriptions);
  const rows = ruleDescriptions.map(({ id, severity, ways, title }) => [id, severity, ways.join(", "), title]);
  for (const line of table(["RULE", "SEVERITY", "CHECKED", "WHAT MUST HOLD"], rows)) context.print(line);
}

async function explain(rule: string): Promise<string> {
  requireRule(rule, "--explain");
  const page = join(packageRoot(), "docs/rules", `${rule}.md`);
  try {
    return (await readFile(page, "utf8")).trimEnd();
  } catch (thrown) {
    throw new NovaError("INTERNAL", `The page of the rule ${quote(rule)} is missing from this installation.`, {
      place: page,
      cause: thrown,
    });
  }
}
