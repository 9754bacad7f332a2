import type { Command } from "commander";
import { type LogLevel, logLevels, type LogStream, logStreams, type WorkerRecord } from "../../model/record.ts";
import { allLines, followFrom, gapsOf, pagesAfter, unseenOf } from "../../model/log-pages.ts";
import { checkPeriod, given, parseBoot, parseCount, parseNames, parseText, parseTime } from "../../model/option-values.ts";
import type { LogAnswer, LogQuery } from "../../model/worker-calls.ts";
import { type Context, withConnection } from "./context.ts";
import { followRecords, type Position } from "./follow.ts";
import { addFormat, addInstances, type Format } from "./format.ts";
import { addClear, addStats } from "./logs-kept.ts";
import { logWriter } from "./log-text.ts";
import { json } from "./text.ts";

const LIMIT = 1000;
const TAIL = 20;
const MOST = 100_000;

interface GetOptions {
  readonly instanceId?: readonly string[];
  readonly levels?: readonly LogLevel[];
  readonly streams?: readonly LogStream[];
  readonly since?: number;
  readonly until?: number;
  readonly contains?: string;
  readonly lastSequence?: number;
  readonly boot?: string;
  readonly limit: number;
  readonly follow?: boolean;
  readonly format: Format;
}

export function addLogCommands(program: Command, context: Context): void {
  const group = program.command("logs").description("Read what the processes of this container wrote.");
  addFilters(group.command("get").description("Print lines: the newest, or those after a record."))
    .option(
      "--last-sequence <number>",
      "only what came after this record of the present boot, oldest first",
      parseCount(0, Number.MAX_SAFE_INTEGER),
    )
    .option("--boot <id>", "of an earlier boot of the supervisor, with --last-sequence", parseBoot)
    .option("--limit <count>", "at most so many", parseCount(1, MOST), LIMIT)
    .action((options: GetOptions) => get(options, context));
  addFilters(group.command("tail").description("Print the last lines."))
    .option("-n, --lines <count>", "so many", parseCount(1, MOST), TAIL)
    .action(({ lines, ...options }: Omit<GetOptions, "limit"> & { lines: number }) => get({ ...options, limit: lines }, context));
  addStats(group, context);
  addClear(group, context);
}

function addFilters(command: Command): Command {
  return addFormat(addInstances(command))
    .option("--levels <levels>", `only these: ${logLevels.join(", ")}`, parseNames(logLevels))
    .option("--streams <streams>", `only these: ${logStreams.join(", ")}`, parseNames(logStreams))
    .option("--since <time>", "from then on: a time, or how long ago (10m)", (text: string) => parseTime(text))
    .option("--until <time>", "until then", (text: string) => parseTime(text))
    .option("--contains <text>", "only lines with this text, whatever its case", parseText)
    .option("-f, --follow", "go on with what comes");
}

async function get(options: GetOptions, context: Context): Promise<void> {
  const { format } = options;
  checkPeriod(options.since, options.until);
  const query: LogQuery = {
    limit: options.limit,
    ...given({
      instances: options.instanceId,
      levels: options.levels,
      streams: options.streams,
      sinceMs: options.since,
      untilMs: options.until,
      contains: options.contains,
      afterSeq: options.lastSequence,
      bootID: options.boot,
    }),
  };
  await withConnection(context.connect(), async (connection) => {
    const ask = (part: LogQuery): Promise<LogAnswer> => connection.call("logs.get", part);
    const known = async (): Promise<string[]> => {
      const [kept, present] = [await connection.call("logs.list", {}), await connection.call("process.list", {})];
      return [...kept.instances.map(({ instance }) => instance), ...present.instances.map(({ id }) => id)];
    };
    const tellOfGaps = async (answer: LogAnswer): Promise<void> => {
      for (const gap of [...gapsOf(answer, query), ...(await unseenOf(query, answer, known))]) context.output.note(gap);
    };
    const writer = logWriter(format, context.output);
    if (!options.follow) {
      const answer = await allLines(ask, query);
      if (format === "json") await context.output.write(json(answer));
      else await writer.write(answer.records);
      return await tellOfGaps(answer);
    }
    // What is appended while the lines are read has numbers beyond this one, and is followed.
    const mark = await connection.call("logs.stats", {});
    const answer = await allLines(ask, query);
    await writer.write(answer.records);
    await tellOfGaps(answer);
    const from: Position = { bootID: mark.bootID, afterSeq: followFrom(answer, query, mark) };
    await followRecords(connection, from, {
      filter: { kinds: ["log", "lost"], ...given({ instances: query.instances, levels: query.levels, streams: query.streams }) },
      connect: () => context.connect(),
      take: async (boot, records) => writer.write(records.filter(passes(query)).map((record) => ({ ...record, bootID: boot }))),
      catchUp: async (again, position) => {
        for await (const { records } of pagesAfter((part) => again.call("logs.get", part), {
          ...query,
          ...position,
          limit: Infinity,
        }))
          await writer.write(records.filter(passes(query)));
      },
      note: (line) => context.output.note(line),
    });
  });
}

/** What a query asks for that following does not. */
function passes({ sinceMs, untilMs, contains }: LogQuery): (record: WorkerRecord) => boolean {
  const text = contains?.toLowerCase();
  return (record) => {
    if (record.atMs < (sinceMs ?? 0) || record.atMs > (untilMs ?? Infinity)) return false;
    return text === undefined || record.kind !== "log" || record.text.toLowerCase().includes(text);
  };
}
