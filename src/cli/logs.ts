import { type Command, Option } from "commander";
import type { Client } from "../client/client.ts";
import type { FollowPart } from "../client/follow.ts";
import type { LogEntry, LostEntry } from "../model/entry.ts";
import { NovaError } from "../model/errors.ts";
import { entryLine } from "../model/event-text.ts";
import type { LogQuery } from "../model/kept.ts";
import { checkPeriod, given, parseBoot, parseCount, parseNames, parseText, parseTime } from "../model/option-values.ts";
import { type LogLevel, logLevels, type LogStream, logStreams } from "../model/record.ts";
import { lineEnd } from "../model/record-text.ts";
import type { CLIContext } from "./context.ts";
import { isScreen, untilEnded, written } from "./following.ts";
import { noteBreak } from "./orchestrator-notes.ts";
import { addPlace, checkPlace, type Place, type PlaceOptions, placesOf } from "./orchestrator-place.ts";
import { openOrchestratorClient } from "./orchestrator-session.ts";
import { jsonLine, visible } from "./output.ts";

export type LogFormat = "table" | "json" | "raw";

interface LogOptions extends PlaceOptions {
  readonly levels?: readonly LogLevel[];
  readonly streams?: readonly LogStream[];
  readonly since?: number;
  readonly until?: number;
  readonly search?: string;
  readonly contains?: string;
  readonly boot?: string;
  readonly after?: number;
  readonly limit: number;
  readonly follow?: boolean;
  readonly format: LogFormat;
}

/** Of one question; longer answers come in several. */
const PAGE = 1000;
const position = parseCount(0, Number.MAX_SAFE_INTEGER);

export function addLogsCommand(program: Command, context: CLIContext): void {
  addPlace(
    program
      .command("logs")
      .description(
        "What workers' processes wrote, also those that are gone: the newest lines, what was searched for, or what comes.",
      ),
  )
    .option("--levels <levels>", `only these: ${logLevels.join(", ")}`, parseNames(logLevels))
    .option("--streams <streams>", `only these: ${logStreams.join(", ")}`, parseNames(logStreams))
    .option("--since <time>", "from then on: a time, or how long ago (10m)", (text: string) => parseTime(text))
    .option("--until <time>", "until then", (text: string) => parseTime(text))
    .option(
      "--search <words>",
      'only lines with all of these words; "in quotes" as they stand, the last one with * by its beginning',
      parseText,
    )
    .option("--contains <text>", "only lines with this text, whatever its case", parseText)
    .option("--boot <id>", "only of this boot of a supervisor", parseBoot)
    .option("--after <position>", "what came after this entry, oldest first", position)
    .option("--limit <count>", "at most so many", parseCount(1, 1_000_000), 1000)
    .option("-f, --follow", "go on with what comes, until Ctrl-C")
    .addOption(
      new Option("--format <format>", "for people, for programs, or the bare content")
        .choices(["table", "json", "raw"])
        .default("table"),
    )
    .addOption(new Option("--json", "the same as --format json").implies({ format: "json" }))
    .action(async (place: Place | undefined, options: LogOptions, command: Command) => {
      checkPeriod(options.since, options.until);
      if (options.follow && options.search !== undefined)
        throw new NovaError("USAGE", "--search looks into the index, and what comes is not in it yet.", {
          place: "--search, --follow",
          next: "Use --contains to follow lines with a text.",
        });
      await printLogs(await openOrchestratorClient(command, context), { ...options, place }, context);
    });
}

export async function printLogs(
  client: Client,
  options: LogOptions & { readonly place?: Place | undefined },
  context: CLIContext,
): Promise<void> {
  const { place, limit, format, follow } = options;
  const query: Omit<LogQuery, "limit" | "after" | "before"> = {
    ...placesOf(place, options),
    ...given({
      levels: options.levels,
      streams: options.streams,
      sinceMs: options.since,
      untilMs: options.until,
      search: options.search,
      contains: options.contains,
      bootID: options.boot,
    }),
  };
  // What is taken in while the lines are read lies after this, and is followed.
  const mark = follow ? (await client.call("house.status", {})).position : 0;
  let last = options.after ?? 0;
  const found = options.after === undefined ? newest(client, query, limit) : after(client, query, options.after, limit);
  const all: (LogEntry | LostEntry)[] = [];
  let count = 0;
  for await (const entries of found) {
    for (const entry of entries) {
      count += 1;
      last = Math.max(last, entry.position);
      if (format === "json" && !follow) all.push(entry);
      else await written(context, entryBytes(entry, format, isScreen(context)));
    }
    if (context.outputClosed.aborted) return;
  }
  if (count === 0) await checkPlace(client, place);
  if (format === "json" && !follow) context.printJSON(all);
  if (!follow) return;
  // Lines that were asked for by number may end before what is there: what is between comes now.
  const from = options.after !== undefined && count > 0 ? last : Math.max(mark, last);
  const signal = untilEnded(context);
  const { workers, instances, levels, streams } = query;
  const filter = { kinds: ["log", "lost"] as const, ...given({ workers, instances, levels, streams }) };
  for await (const part of client.follow(filter, { after: from, signal })) await tell(part, passes(query), format, context);
}

async function tell(
  part: FollowPart,
  wanted: (entry: LogEntry | LostEntry) => boolean,
  format: LogFormat,
  context: CLIContext,
): Promise<void> {
  if (part.kind !== "entries") return noteBreak(part, context);
  for (const entry of part.entries)
    if ((entry.kind === "log" || entry.kind === "lost") && wanted(entry))
      await written(context, entryBytes(entry, format, isScreen(context)));
}

/** The newest `limit` entries, oldest first: asked for backwards, told forwards. */
async function* newest(client: Client, query: object, limit: number): AsyncGenerator<readonly (LogEntry | LostEntry)[]> {
  const pages: (readonly (LogEntry | LostEntry)[])[] = [];
  let left = limit;
  let before: number | undefined;
  while (left > 0) {
    const page = await client.call("logs.list", {
      ...query,
      limit: Math.min(left, PAGE),
      ...(before === undefined ? {} : { before }),
    });
    if (page.items.length > 0) pages.unshift(page.items);
    left -= page.items.length;
    if (!page.more || page.first === null) break;
    before = page.first;
  }
  yield* pages;
}

async function* after(
  client: Client,
  query: object,
  from: number,
  limit: number,
): AsyncGenerator<readonly (LogEntry | LostEntry)[]> {
  let left = limit;
  let last = from;
  while (left > 0) {
    const page = await client.call("logs.list", { ...query, after: last, limit: Math.min(left, PAGE) });
    yield page.items;
    left -= page.items.length;
    if (!page.more || page.last === null) return;
    last = page.last;
  }
}

/** One entry: a line for people, a JSON document on a line, or the bytes that the process wrote, which a terminal gets made harmless. */
export function entryBytes(entry: LogEntry | LostEntry, format: LogFormat, onScreen: boolean): string | Uint8Array {
  if (format === "json") return jsonLine(entry);
  if (format === "table") return entryLine(entry);
  if (entry.kind === "lost") return "";
  if (onScreen) return `${visible(entry.text)}${lineEnd(entry)}`;
  const bytes = entry.raw === undefined ? Buffer.from(entry.text) : Buffer.from(entry.raw, "base64");
  return Buffer.concat([bytes, Buffer.from(lineEnd(entry))]);
}

/** What a query asks for that following does not. */
function passes({ sinceMs, untilMs, contains, bootID }: Partial<LogQuery>): (entry: LogEntry | LostEntry) => boolean {
  const text = contains?.toLowerCase();
  return (entry) => {
    if (entry.atMs < (sinceMs ?? 0) || entry.atMs > (untilMs ?? Infinity)) return false;
    if (bootID !== undefined && entry.bootID !== bootID) return false;
    return text === undefined || entry.kind !== "log" || entry.text.toLowerCase().includes(text);
  };
}
