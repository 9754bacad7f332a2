import { type Command, Option } from "commander";
import type { Client } from "../client/client.ts";
import type { ErrorEntry } from "../model/entry.ts";
import { entryLine } from "../model/event-text.ts";
import type { ErrorsQuery, ErrorView } from "../model/kept.ts";
import { checkPeriod, given, parseCount, parseFingerprint, parseNames, parseTime } from "../model/option-values.ts";
import { type ErrorCategory, errorCategories, type ErrorSeverity, errorSeverities } from "../model/record.ts";
import { groupHeadings, groupRow, groupText } from "../model/record-text.ts";
import type { CLIContext } from "./context.ts";
import { isScreen, untilEnded, written } from "./following.ts";
import { noteBreak } from "./orchestrator-notes.ts";
import { addPlace, checkPlace, type Place, type PlaceOptions, placesOf } from "./orchestrator-place.ts";
import { openOrchestratorClient } from "./orchestrator-session.ts";
import { jsonLine, table, visible } from "./output.ts";

type ErrorFormat = "table" | "json" | "raw";

interface ErrorOptions extends PlaceOptions {
  readonly categories?: readonly ErrorCategory[];
  readonly severities?: readonly ErrorSeverity[];
  readonly fingerprint?: string;
  readonly since?: number;
  readonly until?: number;
  readonly limit: number;
  readonly follow?: boolean;
  readonly format: ErrorFormat;
}

export function addErrorsCommand(program: Command, context: CLIContext): void {
  addPlace(
    program
      .command("errors")
      .description(
        "The errors that workers' processes wrote, also those that are gone: each once with its count, the newest first.",
      ),
  )
    .option("--categories <categories>", `only these: ${errorCategories.join(", ")}`, parseNames(errorCategories))
    .option("--severities <severities>", `only these: ${errorSeverities.join(", ")}`, parseNames(errorSeverities))
    .option("--fingerprint <fingerprint>", "only this one, with its lines", parseFingerprint)
    .option("--since <time>", "last seen from then on: a time, or how long ago (10m)", (text: string) => parseTime(text))
    .option("--until <time>", "last seen until then", (text: string) => parseTime(text))
    .option("--limit <count>", "at most so many", parseCount(1, 10_000), 100)
    .option("-f, --follow", "go on with what comes, until Ctrl-C")
    .addOption(
      new Option("--format <format>", "for people, for programs, or the errors' own lines")
        .choices(["table", "json", "raw"])
        .default("table"),
    )
    .addOption(new Option("--json", "the same as --format json").implies({ format: "json" }))
    .action(async (place: Place | undefined, options: ErrorOptions, command: Command) => {
      checkPeriod(options.since, options.until);
      await printErrors(await openOrchestratorClient(command, context), { ...options, place }, context);
    });
}

export async function printErrors(
  client: Client,
  options: ErrorOptions & { readonly place?: Place | undefined },
  context: CLIContext,
): Promise<void> {
  const { place, format, follow, fingerprint, categories, severities, since: sinceMs, until: untilMs, limit } = options;
  const places = placesOf(place, options);
  const query: ErrorsQuery = { limit, ...places, ...given({ categories, severities, fingerprint, sinceMs, untilMs }) };
  const mark = follow ? (await client.call("house.status", {})).position : 0;
  const { errors } = await client.call("errors.list", query);
  if (errors.length === 0) await checkPlace(client, place);
  if (format === "json" && !follow) return context.printJSON(errors);
  if (format === "table" && fingerprint === undefined) tellErrors(errors, context);
  else for (const error of errors) await written(context, errorBytes(error, format, isScreen(context)));
  if (!follow) return;
  for await (const part of client.follow({ kinds: ["error"], ...places }, { after: mark, signal: untilEnded(context) })) {
    if (part.kind !== "entries") {
      noteBreak(part, context);
      continue;
    }
    for (const entry of part.entries)
      if (entry.kind === "error" && passes(entry, query))
        await written(context, entryBytes(entry, { format, fingerprint, onScreen: isScreen(context) }));
  }
}

function tellErrors(errors: readonly ErrorView[], context: CLIContext): void {
  if (errors.length === 0) return context.print("No errors.");
  const rows = errors.map((error) => groupRow({ ...error, instance: `${error.worker}/${error.instance}` }));
  for (const line of table(groupHeadings, rows)) context.print(line);
}

function errorBytes(error: ErrorView, format: ErrorFormat, onScreen: boolean): string {
  if (format === "json") return jsonLine(error);
  const text = groupText({ ...error, instance: `${error.worker}/${error.instance}` }, format);
  return onScreen ? visible(text) : text;
}

/** One error as it comes: a line, or with its lines where it was asked for by its fingerprint. */
function entryBytes(
  entry: ErrorEntry,
  how: { readonly format: ErrorFormat; readonly fingerprint: string | undefined; readonly onScreen: boolean },
): string {
  const { format, fingerprint, onScreen } = how;
  if (format === "json") return jsonLine(entry);
  if (format === "table" && fingerprint === undefined) return entryLine(entry);
  return errorBytes({ ...entry.error, worker: entry.worker ?? "-", container: entry.container ?? "-" }, format, onScreen);
}

function passes({ error }: ErrorEntry, { categories, severities, fingerprint, sinceMs, untilMs }: ErrorsQuery): boolean {
  if (error.lastSeenMs < (sinceMs ?? 0) || error.lastSeenMs > (untilMs ?? Infinity)) return false;
  if (fingerprint !== undefined && error.fingerprint !== fingerprint) return false;
  return (categories?.includes(error.category) ?? true) && (severities?.includes(error.severity) ?? true);
}
