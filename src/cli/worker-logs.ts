import { type Command, Option } from "commander";
import {
  type ErrorCategory,
  errorCategories,
  type ErrorGroup,
  type ErrorSeverity,
  errorSeverities,
  type LogLevel,
  logLevels,
  type LogStream,
  logStreams,
  type WorkerRecord,
} from "../model/record.ts";
import type { LogAnswer, LogQuery } from "../model/worker-calls.ts";
import { allLines, followFrom, gapsOf, unseenOf } from "../model/log-pages.ts";
import {
  checkPeriod,
  given,
  parseBoot,
  parseCount,
  parseFingerprint,
  parseInstances,
  parseNames,
  parseText,
  parseTime,
} from "../model/option-values.ts";
import { groupHeadings, groupRow, groupText } from "../model/record-text.ts";
import type { WorkerLink } from "../workers/link/link.ts";
import type { CLIContext } from "./context.ts";
import { untilEnded, written } from "./following.ts";
import { jsonLine, table } from "./output.ts";
import { openDoor, useWorkers } from "./worker-session.ts";
import { recordBytes, type WorkerFormat } from "./worker-text.ts";

interface Some {
  readonly instanceId?: readonly string[];
  readonly since?: number;
  readonly until?: number;
  readonly limit: number;
  readonly follow?: boolean;
  readonly format: WorkerFormat;
}

interface LogOptions extends Some {
  readonly levels?: readonly LogLevel[];
  readonly streams?: readonly LogStream[];
  readonly contains?: string;
  readonly lastSequence?: number;
  readonly boot?: string;
}

interface ErrorOptions extends Some {
  readonly categories?: readonly ErrorCategory[];
  readonly severities?: readonly ErrorSeverity[];
  readonly fingerprint?: string;
}

export function addWorkerLogsCommand(worker: Command, context: CLIContext): void {
  addCommon(
    worker.command("logs").description("Print what a worker's processes wrote: the newest lines, or those after a record."),
    1000,
    100_000,
  )
    .option("--levels <levels>", `only these: ${logLevels.join(", ")}`, parseNames(logLevels))
    .option("--streams <streams>", `only these: ${logStreams.join(", ")}`, parseNames(logStreams))
    .option("--contains <text>", "only lines with this text, whatever its case", parseText)
    .option(
      "--last-sequence <number>",
      "only what came after this record of the present boot, oldest first",
      parseCount(0, Number.MAX_SAFE_INTEGER),
    )
    .option("--boot <id>", "of an earlier boot of the supervisor, with --last-sequence", parseBoot)
    .action(async (name: string, options: LogOptions, command: Command) => await printLogs(name, options, command, context));
}

export function addWorkerErrorsCommand(worker: Command, context: CLIContext): void {
  addCommon(
    worker
      .command("errors")
      .description("Print the errors that a worker's processes wrote, each once with its count, the newest first."),
    100,
    10_000,
  )
    .option("--categories <categories>", `only these: ${errorCategories.join(", ")}`, parseNames(errorCategories))
    .option("--severities <severities>", `only these: ${errorSeverities.join(", ")}`, parseNames(errorSeverities))
    .option("--fingerprint <fingerprint>", "only this one, with its lines", parseFingerprint)
    .action(async (name: string, options: ErrorOptions, command: Command) => await printErrors(name, options, command, context));
}

function addCommon(command: Command, limit: number, most: number): Command {
  return command
    .argument("<name>", "the worker")
    .option("-i, --instance-id <ids>", "which processes, with commas between them (default: all)", parseInstances)
    .option("--since <time>", "from then on: a time, or how long ago (10m)", (text: string) => parseTime(text))
    .option("--until <time>", "until then", (text: string) => parseTime(text))
    .option("--limit <count>", "at most so many", parseCount(1, most), limit)
    .option("-f, --follow", "go on with what comes, until Ctrl-C")
    .addOption(
      new Option("--format <format>", "for people, for programs, or the bare content")
        .choices(["table", "json", "raw"])
        .default("table"),
    )
    .addOption(new Option("--json", "the same as --format json").implies({ format: "json" }));
}

async function printLogs(name: string, options: LogOptions, command: Command, context: CLIContext): Promise<void> {
  const {
    instanceId: instances,
    levels,
    streams,
    since: sinceMs,
    until: untilMs,
    contains,
    lastSequence,
    boot,
    limit,
    format,
  } = options;
  checkPeriod(sinceMs, untilMs);
  const query: LogQuery = {
    limit,
    ...given({ instances, levels, streams, sinceMs, untilMs, contains, afterSeq: lastSequence, bootID: boot }),
  };
  const { withLink } = await import("../host/workers/reach.ts");
  await useWorkers(command, context, async (workers) => {
    const { address } = await openDoor(workers, name);
    await withLink(address, async (link) => {
      // What is appended while the lines are read has numbers beyond this one, and is followed.
      const mark = options.follow ? await link.call("logs.stats", {}) : null;
      const answer = await allLines((part) => link.call("logs.get", part), query);
      if (format === "json" && !mark) {
        context.printJSON(answer);
        return await tellUnseen(link, query, answer, context);
      }
      for (const record of answer.records) context.stdout.write(recordBytes(record, answer.bootID, format));
      for (const gap of gapsOf(answer, query)) context.note(gap);
      await tellUnseen(link, query, answer, context);
      if (!mark) return;
      const filter = { kinds: ["log", "lost"] as const, ...given({ instances, levels, streams }) };
      const wanted = passes(query);
      await link.follow(
        { ...filter, afterSeq: followFrom(answer, query, mark) },
        async ({ bootID, records }) => {
          for (const record of records) if (wanted(record)) await written(context, recordBytes(record, bootID, format));
        },
        untilEnded(context),
      );
    });
  });
}

async function tellUnseen(link: WorkerLink, query: LogQuery, answer: LogAnswer, context: CLIContext): Promise<void> {
  const known = async (): Promise<string[]> => {
    const [kept, present] = await Promise.all([link.call("logs.list", {}), link.call("process.list", {})]);
    return [...kept.instances.map(({ instance }) => instance), ...present.instances.map(({ id }) => id)];
  };
  for (const sentence of await unseenOf(query, answer, known)) context.note(sentence);
}

async function printErrors(name: string, options: ErrorOptions, command: Command, context: CLIContext): Promise<void> {
  const { instanceId: instances, categories, severities, fingerprint, since: sinceMs, until: untilMs, limit, format } = options;
  checkPeriod(sinceMs, untilMs);
  const { withLink } = await import("../host/workers/reach.ts");
  await useWorkers(command, context, async (workers) => {
    const { address } = await openDoor(workers, name);
    await withLink(address, async (link) => {
      const mark = options.follow ? await link.call("logs.stats", {}) : null;
      const query = { limit, ...given({ instances, categories, severities, fingerprint, sinceMs, untilMs }) };
      const answer = await link.call("errors.list", query);
      if (format === "json" && !mark) return context.printJSON(answer);
      if (format === "table" && fingerprint === undefined) tellGroups(answer.groups, context);
      else for (const group of answer.groups) context.stdout.write(groupBytes(group, format));
      if (!mark) return;
      await link.follow(
        { kinds: ["error"], afterSeq: mark.lastSeq, ...given({ instances }) },
        async ({ records }) => {
          for (const record of records) {
            if (record.kind !== "error") continue;
            const { group } = record;
            if (!(categories?.includes(group.category) ?? true) || !(severities?.includes(group.severity) ?? true)) continue;
            if (fingerprint !== undefined && group.fingerprint !== fingerprint) continue;
            await written(context, groupBytes(group, format));
          }
        },
        untilEnded(context),
      );
    });
  });
}

function tellGroups(groups: readonly ErrorGroup[], context: CLIContext): void {
  if (groups.length === 0) return context.print("No errors.");
  for (const line of table(groupHeadings, groups.map(groupRow))) context.print(line);
}

function groupBytes(group: ErrorGroup, format: WorkerFormat): string {
  return format === "json" ? jsonLine(group) : groupText(group, format);
}

/** What a query asks for that following does not. */
function passes({ sinceMs, untilMs, contains }: LogQuery): (record: WorkerRecord) => boolean {
  const text = contains?.toLowerCase();
  return (record) => {
    if (record.atMs < (sinceMs ?? 0) || record.atMs > (untilMs ?? Infinity)) return false;
    return text === undefined || record.kind !== "log" || record.text.toLowerCase().includes(text);
  };
}
