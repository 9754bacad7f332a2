import { type Command, InvalidArgumentError } from "commander";
import type { Client } from "../client/client.ts";
import type { Entry, EntryFilter, EventEntry } from "../model/entry.ts";
import { quote } from "../model/errors.ts";
import { entryLine } from "../model/event-text.ts";
import type { Page } from "../model/kept.ts";
import { given, parseCount, parseNames } from "../model/option-values.ts";
import type { CLIContext } from "./context.ts";
import { untilEnded, written } from "./following.ts";
import { noteBreak } from "./orchestrator-notes.ts";
import { addPlace, checkPlace, type Place, type PlaceOptions, placesOf } from "./orchestrator-place.ts";
import { openOrchestratorClient } from "./orchestrator-session.ts";
import { jsonLine } from "./output.ts";

interface EventOptions extends PlaceOptions {
  readonly groups?: readonly string[];
  readonly runs?: readonly string[];
  readonly types?: readonly EventEntry["event"]["type"][];
  readonly after?: number;
  readonly limit: number;
  readonly follow?: boolean;
  readonly json?: boolean;
}

const isType: Readonly<Record<EventEntry["event"]["type"], true>> = {
  instance: true,
  removed: true,
  booted: true,
  stopping: true,
  terminal: true,
  worker: true,
  door: true,
  module: true,
  message: true,
  run: true,
  denied: true,
  pool: true,
  check: true,
  viewer: true,
  trouble: true,
};
const types = Object.keys(isType) as EventEntry["event"]["type"][];
/** Of one question; longer answers come in several. */
const PAGE = 1000;

export function addEventsCommand(program: Command, context: CLIContext): void {
  addPlace(
    program
      .command("events")
      .description(
        "What happened: processes that started and crashed, runs, messages, workers, modules, refused connections, terminals.",
      ),
  )
    .option("--groups <folders>", "only of these groups, with commas between them", parseWords)
    .option("--runs <ids>", "only of these runs, by their whole ids", parseWords)
    .option("--types <types>", `only these: ${types.join(", ")}`, parseNames(types))
    .option("--after <position>", "what came after this entry, oldest first", parseCount(0, Number.MAX_SAFE_INTEGER))
    .option("--limit <count>", "at most so many", parseCount(1, 100_000), 50)
    .option("-f, --follow", "go on with what comes, until Ctrl-C")
    .option("--json", "print JSON; one document a line with --follow")
    .action(async (place: Place | undefined, options: EventOptions, command: Command) => {
      await printEvents(await openOrchestratorClient(command, context), { ...options, place }, context);
    });
}

export async function printEvents(
  client: Client,
  options: EventOptions & { readonly place?: Place | undefined },
  context: CLIContext,
): Promise<void> {
  const { place, groups, runs, types: wanted, follow, json, limit } = options;
  const filter: EntryFilter = { kinds: ["event", "lost"], ...placesOf(place, options), ...given({ groups, runs }) };
  const passes = (entry: Entry): boolean => wanted === undefined || (entry.kind === "event" && wanted.includes(entry.event.type));
  const mark = follow ? (await client.call("house.status", {})).position : 0;
  const { entries, last } = await readEvents(client, filter, passes, limit, options.after);
  if (entries.length === 0) await checkPlace(client, place);
  if (json && !follow) return context.printJSON(entries);
  for (const entry of entries) await written(context, entryBytes(entry, json === true));
  if (!follow) {
    if (entries.length === 0) context.print("No events.");
    return;
  }
  // Events that were asked for by number may end before what is there: what is between comes now.
  const after = options.after === undefined ? Math.max(mark, last) : last;
  for await (const part of client.follow(filter, { after, signal: untilEnded(context) })) {
    if (part.kind !== "entries") noteBreak(part, context);
    else for (const entry of part.entries) if (passes(entry)) await written(context, entryBytes(entry, json === true));
  }
}

/** The newest `limit` events, or the first ones after a position; in either case oldest first. `last`: everything up to there was looked at. */
async function readEvents(
  client: Client,
  filter: EntryFilter,
  passes: (entry: Entry) => boolean,
  limit: number,
  after: number | undefined,
): Promise<{ readonly entries: readonly Entry[]; readonly last: number }> {
  let entries: Entry[] = [];
  let last = after ?? 0;
  let from: number | null | undefined = after;
  for (;;) {
    const way: Partial<Record<"before" | "after", number>> =
      from === undefined || from === null ? {} : { [after === undefined ? "before" : "after"]: from };
    const page: Page<Entry> = await client.call("entries.list", { ...filter, ...way, limit: PAGE });
    const found = page.items.filter(passes);
    entries = after === undefined ? [...found, ...entries].slice(-limit) : [...entries, ...found].slice(0, limit);
    last = Math.max(last, page.last ?? 0);
    from = after === undefined ? page.first : page.last;
    const isEnough = entries.length >= limit;
    if (isEnough && after !== undefined) last = entries.at(-1)?.position ?? last;
    if (isEnough || !page.more || from === null) return { entries, last };
  }
}

function entryBytes(entry: Entry, json: boolean): string {
  return json ? jsonLine(entry) : entryLine(entry);
}

function parseWords(text: string, before: readonly string[] = []): string[] {
  const words = text.split(",").map((word) => word.trim());
  if (words.some((word) => word === "" || word.length > 256))
    throw new InvalidArgumentError(`${quote(text)} holds no name, or one that is too long.`);
  return [...new Set([...before, ...words])];
}
