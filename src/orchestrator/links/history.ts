import type { LogEntry, LostEntry } from "../../model/entry.ts";
import { type LogAnswer, type ErrorAnswer, errorQuerySchema, logQuerySchema } from "../../model/worker-calls.ts";
import type { Store } from "../../store/store.ts";
import type { AnswerHistory } from "../../workers/link/connection.ts";
import type { From } from "./sink.ts";

type Asked = Pick<Store, "logs" | "errors">;
type Kept = LogAnswer["records"][number];

/** Lines and groups of one answer at most: a worker may ask often, and one message has to hold it. */
const MOST_LINES = 10_000;
const MOST_GROUPS = 1_000;
/** Of the answer: what a message holds, with room for what JSON makes of it. */
const MOST_BYTES = 1_000_000;

/** Answers a worker from what the store keeps of its own container, and of no other. */
export function historyOf(store: Asked, from: From): AnswerHistory {
  return async (name, params, { bootID }) =>
    name === "logs.get" ? await logs(store, from, bootID, params) : await errors(store, from, params);
}

async function logs(store: Asked, { worker, container }: From, present: string, params: unknown): Promise<LogAnswer> {
  const { afterSeq, limit, instances, levels, streams, sinceMs, untilMs, contains, bootID } = logQuerySchema.parse(params);
  const boot = afterSeq === undefined ? bootID : (bootID ?? present);
  const page = await store.logs({
    workers: [worker],
    containers: [container],
    ...(instances ? { instances } : {}),
    ...(levels ? { levels } : {}),
    ...(streams ? { streams } : {}),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
    ...(contains === undefined ? {} : { contains }),
    ...(boot === undefined ? {} : { bootID: boot }),
    ...(afterSeq === undefined ? {} : { afterSeq, after: 0 }),
    limit: Math.min(limit, MOST_LINES),
  });
  const isForward = afterSeq !== undefined;
  const records = page.items.map(recordOf);
  const kept = isForward ? fitting(records) : fitting(records.toReversed()).toReversed();
  const isCut = kept.length < records.length;
  return {
    origin: "orchestrator",
    bootID: present,
    records: kept,
    incomplete: !isForward && page.more && !isCut && kept.length < limit,
    ...(isCut ? { cut: true } : {}),
  };
}

async function errors(store: Asked, { worker, container }: From, params: unknown): Promise<ErrorAnswer> {
  const query = errorQuerySchema.parse(params);
  const views = await store.errors({
    ...query,
    workers: [worker],
    containers: [container],
    limit: Math.min(query.limit, MOST_GROUPS),
  });
  const groups = views.map(({ worker: _worker, container: _container, ...group }) => group);
  return { origin: "orchestrator", groups: fitting(groups) };
}

function recordOf(entry: LogEntry | LostEntry): Kept {
  const { position: _position, worker: _worker, container: _container, group: _group, run: _run, ...record } = entry;
  return record;
}

/** So many of them, from the first on, as one message holds. */
function fitting<Item>(items: readonly Item[]): readonly Item[] {
  let bytes = 0;
  const end = items.findIndex((item) => (bytes += JSON.stringify(item).length + 1) > MOST_BYTES);
  return end === -1 ? items : items.slice(0, end);
}
