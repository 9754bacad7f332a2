import { quote } from "./errors.ts";
import type { LogAnswer, LogQuery, LogStats } from "./worker-calls.ts";

/** About as many records as one message holds. */
const PAGE = 10_000;

type Ask = (query: LogQuery) => Promise<LogAnswer>;

/** What comes after a record, page by page; where a page was cut to what a message holds, the next one begins there. */
export async function* pagesAfter(ask: Ask, query: LogQuery & { readonly afterSeq: number }): AsyncGenerator<LogAnswer> {
  let { afterSeq, limit: left } = query;
  for (;;) {
    const limit = Math.min(left, PAGE);
    const page = await ask({ ...query, afterSeq, limit });
    yield page;
    left -= page.records.length;
    const last = page.records.at(-1);
    if (last === undefined || left <= 0 || !(page.cut || page.records.length === limit)) return;
    afterSeq = last.seq;
  }
}

/** All that a query asks for, as one answer. The newest lines may be `cut` to what one message holds; those after a record are not. */
export async function allLines(ask: Ask, query: LogQuery): Promise<LogAnswer> {
  const { afterSeq } = query;
  if (afterSeq === undefined) return await ask(query);
  const pages: LogAnswer[] = [];
  for await (const page of pagesAfter(ask, { ...query, afterSeq })) pages.push(page);
  const { cut: _, ...answer } = pages.at(-1) ?? (await ask(query));
  return { ...answer, records: pages.flatMap(({ records }) => records) };
}

/** A sentence about processes that were asked for and of which nothing is known; `known` is only asked when some wrote nothing. */
export async function unseenOf(
  { instances = [] }: LogQuery,
  { records }: LogAnswer,
  known: () => Promise<readonly string[]>,
): Promise<string[]> {
  const wrote = new Set(records.map(({ instance }) => instance));
  const silent = instances.filter((instance) => !wrote.has(instance));
  if (silent.length === 0) return [];
  const seen = [...new Set(await known())].toSorted();
  const unseen = silent.filter((instance) => !seen.includes(instance)).map((instance) => quote(instance));
  if (unseen.length === 0) return [];
  return [`No process ${unseen.join(", ")} has been seen; known: ${seen.length === 0 ? "none" : seen.join(", ")}.`];
}

/** Sentences about lines that an answer should have had. */
export function gapsOf(answer: LogAnswer, query: LogQuery): string[] {
  const gaps: string[] = [];
  if (answer.cut)
    gaps.push("Not all of these lines fit into one answer: the oldest are left out. Ask with --last-sequence 0 for all.");
  if (answer.incomplete && query.afterSeq === undefined && answer.records.length < query.limit)
    gaps.push("What came before these lines is not in the container any more.");
  return gaps;
}

/**
 * After which record of the present boot following goes on, when `mark` was taken before the answer was asked for: after a record that was
 * named, nothing is left out; the newest lines are all that is wanted of what was before.
 */
export function followFrom(
  answer: LogAnswer,
  { afterSeq, bootID }: LogQuery,
  mark: Pick<LogStats, "bootID" | "lastSeq">,
): number {
  const last = answer.records.findLast((record) => record.bootID === mark.bootID)?.seq ?? 0;
  const ofThisBoot = afterSeq !== undefined && (bootID ?? mark.bootID) === mark.bootID;
  return Math.max(last, ofThisBoot ? Math.min(afterSeq, mark.lastSeq) : mark.lastSeq);
}
