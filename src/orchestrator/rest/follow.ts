import type { Caller } from "../../model/api/access.ts";
import type { APIParams } from "../../model/api/calls.ts";
import type { Entry, EntryFilter } from "../../model/entry.ts";
import type { Page } from "../../model/kept.ts";
import type { Feed } from "../feed.ts";
import type { Operations } from "../operations.ts";
import { instanceFilter } from "../operations/history.ts";
import { checkedParams } from "../operations/open-operations.ts";
import type { World } from "../operations/world.ts";
import { invalid } from "./request.ts";

/** The calls whose answers can be followed. */
export type FollowedCall = "logs.list" | "logs.get" | "entries.list";

/** What goes to a reader, in its order. */
export type FollowedPart =
  | { readonly kind: "entries"; readonly entries: readonly Entry[]; readonly position: number | null }
  | { readonly kind: "live"; readonly position: number }
  | {
      readonly kind: "gap";
      readonly reason: string;
      readonly after: number;
      readonly upTo: number;
      readonly entries: number | null;
    };

export interface FollowSource extends Pick<World, "store" | "links"> {
  readonly operations: Operations;
  readonly feed: Feed;
}

/**
 * The page that was asked for, and then what comes, without a gap or an entry twice. Rejects before the first part with all that the call itself
 * would reject with.
 */
export async function follow(
  source: FollowSource,
  name: FollowedCall,
  unchecked: unknown,
  caller: Caller,
  signal: AbortSignal,
): Promise<AsyncIterable<FollowedPart>> {
  const params = checkedParams(name, unchecked) as Asked;
  for (const parameter of ["before", "untilMs", "search"] as const)
    if (params[parameter] !== undefined) throw invalid(`${name} cannot be followed with ${parameter}`, parameter);
  // What was told before the question is in its answer.
  const told = source.feed.position;
  const page: Page<Entry> = await source.operations.call(name, params, { caller, door: "api", signal });
  const after = params.after !== undefined && page.more ? page.last : Math.max(told, page.last ?? 0);
  return parts(source.feed, page, await filterOf(source, name, params), after, conditionOf(params), signal);
}

type Asked = Partial<APIParams<"logs.list"> & APIParams<"logs.get"> & APIParams<"entries.list">> & { readonly limit: number };

async function* parts(
  feed: Feed,
  page: Page<Entry>,
  filter: EntryFilter,
  after: number | null,
  condition: (entry: Entry) => boolean,
  signal: AbortSignal,
): AsyncGenerator<FollowedPart, void, void> {
  if (page.items.length > 0) yield { kind: "entries", entries: page.items, position: page.last };
  for await (const part of feed.follow(filter, after, signal))
    if (part.kind === "entries") yield { kind: "entries", entries: part.entries.filter(condition), position: part.position };
    else yield part;
}

async function filterOf(source: FollowSource, name: FollowedCall, params: Asked): Promise<EntryFilter> {
  const { workers, containers, instances, groups, runs, kinds, levels, streams } = params;
  const said = { workers, containers, instances, groups, runs, kinds, levels, streams };
  const filter = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) as EntryFilter;
  if (name === "entries.list") return filter;
  const those = name === "logs.get" ? await instanceFilter(source, params as APIParams<"logs.get">) : {};
  return { ...filter, ...those, kinds: ["log", "lost"] };
}

/** What a filter of the feed cannot say. */
function conditionOf({ contains, bootID, sinceMs }: Asked): (entry: Entry) => boolean {
  const wanted = contains?.toLowerCase();
  return (entry) =>
    (wanted === undefined || (entry.kind === "log" && entry.text.toLowerCase().includes(wanted))) &&
    (bootID === undefined || entry.bootID === bootID) &&
    (sinceMs === undefined || entry.atMs >= sinceMs);
}
