import type { Command } from "commander";
import pc from "picocolors";
import { findGroup, readGroups } from "../agents/groups/registry.ts";
import { findRecord, listRecords } from "../agents/run/records.ts";
import { NovaError, quote } from "../model/errors.ts";
import type { Denial, RunRecord, Usage } from "../model/run.ts";
import type { CLIContext } from "./context.ts";
import { formatDuration, table, visible } from "./output.ts";
import { openChosenHome } from "./session.ts";

export function addRunsCommand(program: Command, context: CLIContext): void {
  const runs = program.command("runs").description("Look at runs that are over.");
  runs
    .command("list")
    .description("The newest runs.")
    .option("--group <name>", "only of this group")
    .option("--limit <count>", "how many", "20")
    .option("--json", "print JSON")
    .action(async (options: { group?: string; limit: string; json?: boolean }, command: Command) => {
      const limit = Number(options.limit);
      if (!Number.isInteger(limit) || limit < 1) {
        throw new NovaError("USAGE", `--limit is ${quote(options.limit)}.`, {
          place: "--limit",
          next: "Give a whole number of at least 1.",
        });
      }
      const home = await openChosenHome(command, context, false);
      const folder = options.group === undefined ? undefined : findGroup(await readGroups(home), options.group, "--group").folder;
      const records = await listRecords(home, { limit, ...(folder === undefined ? {} : { folder }) });
      if (options.json) context.printJSON(records);
      else if (!records.length) context.print("No runs yet.");
      else
        for (const line of table(["RUN", "STARTED", "GROUP", "OUTCOME", "TIME", "SESSION"], records.map(row)))
          context.print(line);
    });
  runs
    .command("show")
    .description("One run: how it ended, what it answered, where its log is.")
    .argument("<run>", "its id, or the beginning of it")
    .option("--json", "print JSON")
    .action(async (id: string, options: { json?: boolean }, command: Command) => {
      const record = await findRecord(await openChosenHome(command, context, false), id);
      if (options.json) context.printJSON(record);
      else for (const line of describe(record)) context.print(line);
    });
}

function row(record: RunRecord): string[] {
  return [
    record.id,
    record.startedAt,
    record.group,
    record.outcome,
    formatDuration(record.durationMs),
    record.newSessionId ?? "-",
  ];
}

function describe(record: RunRecord): string[] {
  const streams = (bytes: number, truncated: boolean): string => `${bytes} bytes${truncated ? ", cut in the log" : ""}`;
  const facts: readonly (readonly [string, string])[] = [
    ["run", record.id],
    ["group", `${record.group} (${record.jid})`],
    ["started", record.startedAt],
    ["took", formatDuration(record.durationMs)],
    ["outcome", record.outcome],
    ["exit", String(record.exitCode ?? "unknown")],
    ["session", `${record.sessionId ?? "new"} → ${record.newSessionId ?? "none"}`],
    ["container", `${record.container} on ${record.engine}, image ${record.image}`],
    ["mode", record.mode],
    ...(record.firstAnswerMs === null ? [] : [["answered", `after ${formatDuration(record.firstAnswerMs)}`] as const]),
    ...(record.skipped ? [["skipped", "the guard said that the agent was not needed"] as const] : []),
    ...(record.task === null ? [] : [["task", `${record.task}${record.ownSession ? ", in a session of its own" : ""}`] as const]),
    ...(record.messages.length
      ? [["messages", record.messages.map((id) => visible(id).replaceAll("\n", "\\n")).join(", ")] as const]
      : []),
    ...(record.usage ? [["usage", describeUsage(record.usage)] as const] : []),
    ...record.denied.map((denial, index) => [index ? "" : "denied", describeDenial(denial)] as const),
    ["frames", `${record.frames} taken, ${record.suspiciousFrames} suspicious, ${record.brokenFrames} broken`],
    ["prompt", `${record.promptBytes} bytes`],
    ["stdout", streams(record.stdoutBytes, record.stdoutTruncated)],
    ["stderr", streams(record.stderrBytes, record.stderrTruncated)],
    ["log", record.logFile ?? "none"],
  ];
  return [
    ...facts.map(([name, value]) => `${pc.dim(name.padEnd(9))}  ${value}`),
    ...(record.error === null ? [] : ["", pc.red("error"), visible(record.error)]),
    ...(record.result === null ? [] : ["", pc.dim("answer"), visible(record.result)]),
  ];
}

function describeUsage(usage: Usage): string {
  const cost = usage.costUSD === null ? "price not known" : `$${usage.costUSD.toFixed(4)}`;
  const tokens = [
    `${usage.inputTokens} in`,
    `${usage.outputTokens} out`,
    `${usage.cacheReadTokens} read from the cache`,
    `${usage.cacheWriteTokens} written to it`,
  ].join(", ");
  const models = usage.models.length ? ` (${usage.models.map(visible).join(", ")})` : "";
  return `${usage.requests} requests, tokens ${tokens}; ${cost}${models}`;
}

function describeDenial({ target, reason, count }: Denial): string {
  return `${visible(target)}${count > 1 ? `, ${count} times` : ""}: ${visible(reason)}`;
}
