import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pc from "picocolors";
import type { Home } from "../agents/home/home.ts";
import { unifiedDiff } from "../contract/fix/diff.ts";
import { formatReport } from "../contract/report/format.ts";
import type { Report } from "../contract/findings/finding.ts";
import type { Engine } from "../engine/engine.ts";
import { planPaperFixes } from "../host/check/fix.ts";
import { checkLive } from "../host/check/live.ts";
import { checkPaperWithin } from "../host/check/paper.ts";
import { NovaError } from "../model/errors.ts";
import type { CLIContext } from "./context.ts";
import { visible } from "./output.ts";

/** Each of its lines looks right: Compose reads root out of the user, writable out of `:RO`, and every address out of the port. */
const compose = `services:
  notes:
    image: notes:1.4
    user: "+0:0"
    restart: unless-stopped
    ports:
      - "8100:5000"
    volumes:
      - ./conf:/app/conf:RO
`;

const contract = `version: 1
modules:
  notes:
    folder: .
    port: { host: 8100, container: 5000 }
    mounts: [{ target: /app/conf, source: conf, mode: ro }]
`;

/** What the demo shows of them; the others are told in a line. */
const shown = ["user", "ports", "mounts-read-only"];

/** What the demo tells of a running agent. */
const proven = ["user", "capabilities", "mounts", "network", "engine-socket"];

/** Proves of the agents' containers that stand there, from the kernel's view of their processes, that they keep the contract. */
export async function proveContainers(
  home: Home,
  engine: Engine,
  { context, quiet }: { readonly context: CLIContext; readonly quiet: boolean },
): Promise<void> {
  if (!engine.observation) return;
  const report = await checkLive({ paths: [], cwd: home.root, home: home.root, env: context.env, engine });
  const [broken] = report.findings.filter(({ severity }) => severity === "error");
  if (broken) {
    throw new NovaError("INTERNAL", `The demo's container breaks the contract: ${broken.message}`, {
      place: broken.subject ?? broken.rule,
      next: `${broken.fix} Then please report it.`,
    });
  }
  if (quiet) return;
  for (const group of new Set(report.checked.map(({ module }) => module))) {
    context.print(pc.dim(`  what the kernel says of the container of ${visible(group)} that stands ready:`));
    for (const { rule, verdict, note } of report.checked.filter((one) => one.module === group && proven.includes(one.rule))) {
      const word = verdict === "kept" ? pc.green("kept") : pc.yellow(verdict);
      context.print(`  ${word}  ${rule.padEnd(14)} ${pc.dim(visible(note ?? ""))}`);
    }
  }
}

/** Holds a Compose file that looks harmless to a contract, and shows what would mend it. */
export async function playCheck(directory: string, context: CLIContext): Promise<void> {
  const folder = join(directory, "notes");
  await mkdir(join(folder, "conf"), { recursive: true });
  await writeFile(join(folder, "compose.yaml"), compose);
  await writeFile(join(folder, "contract.yaml"), contract);
  const check = await checkPaperWithin({ paths: [folder], cwd: folder, env: {} });
  const told: Report = {
    ...check.report,
    findings: check.report.findings.filter(({ rule }) => shown.includes(rule)),
    checked: [],
  };
  context.print("");
  context.print(`${pc.bold("check")} ${pc.dim("holds Compose files to the contract, before anything runs")}`);
  const lines = formatReport(told, "text", { base: folder, colour: context.isTerminal }).split("\n");
  for (const line of lines.slice(0, -1)) context.print(`  ${line}`.trimEnd());
  context.print(pc.dim("  what --fix would mend without a decision:"));
  for (const plan of planPaperFixes(check, { rules: shown }).files) {
    for (const line of unifiedDiff(plan, "compose.yaml").slice(2)) context.print(`  ${coloured(line)}`);
  }
}

function coloured(line: string): string {
  if (line.startsWith("+")) return pc.green(line);
  return line.startsWith("-") ? pc.red(line) : pc.dim(line);
}
