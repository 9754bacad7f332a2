import type * as z from "zod";
import type { ErrorGroup } from "../../model/record.ts";
import type { ErrorAnswer, ErrorQuery, LogAnswer, LogQuery } from "../../model/worker-calls.ts";
import { MESSAGE_LIMIT } from "../../model/link.ts";
import { callResultSchemas } from "../../model/worker-results.ts";

/** What a collector answers of its history; what else is in its answer is of no matter here. */
export interface HistoryAnswers {
  "logs.get": Pick<LogAnswer, "records" | "incomplete">;
  "errors.list": Pick<ErrorAnswer, "groups">;
}

/** What the collector keeps of this container, beyond what is still in it. */
export interface History {
  /** Null when it does not answer, in time or at all: what is here is then the answer. */
  ask<Name extends keyof HistoryAnswers>(name: Name, params: unknown): Promise<HistoryAnswers[Name] | null>;
}

type KeptRecord = LogAnswer["records"][number];

export const historySchemas: { readonly [Name in keyof HistoryAnswers]: z.ZodType<HistoryAnswers[Name]> } = {
  "logs.get": callResultSchemas["logs.get"],
  "errors.list": callResultSchemas["errors.list"],
};

/** Both answers as one: each record once, boots in the order of their first records. */
export function joinLogs(here: LogAnswer, there: HistoryAnswers["logs.get"], query: LogQuery): LogAnswer {
  const boots = new Map<string, Map<number, KeptRecord>>();
  for (const record of [...there.records, ...here.records]) {
    let boot = boots.get(record.bootID);
    if (!boot) boots.set(record.bootID, (boot = new Map()));
    boot.set(record.seq, record);
  }
  const records = [...boots.values()]
    .map((boot) => [...boot.values()].sort((a, b) => a.seq - b.seq))
    .sort((a, b) => (a[0]?.atMs ?? 0) - (b[0]?.atMs ?? 0))
    .flat();
  return {
    ...here,
    origin: "orchestrator",
    records: query.afterSeq === undefined ? records.slice(-query.limit) : records.slice(0, query.limit),
    incomplete: there.incomplete,
  };
}

/** Both answers as one. The collector's counts hold earlier boots', ours what it has not got yet: the larger one is nearer. */
export function joinErrors(here: ErrorAnswer, there: HistoryAnswers["errors.list"], query: ErrorQuery): ErrorAnswer {
  const groups = new Map<string, ErrorGroup>();
  for (const group of [...there.groups, ...here.groups]) {
    const key = `${group.instance}/${group.fingerprint}`;
    const other = groups.get(key);
    if (!other) {
      groups.set(key, group);
      continue;
    }
    const newer = group.lastSeenMs >= other.lastSeenMs ? group : other;
    groups.set(key, {
      ...newer,
      count: Math.max(group.count, other.count),
      firstSeenMs: Math.min(group.firstSeenMs, other.firstSeenMs),
    });
  }
  const sorted = [...groups.values()].sort((a, b) => b.lastSeenMs - a.lastSeenMs);
  return { ...here, origin: "orchestrator", groups: sorted.slice(0, query.limit) };
}

/** Room for the message around the answer. */
const ROOM = MESSAGE_LIMIT - 65_536;

/** As many records as one message holds: the newest, or the first where the asker reads on from a record. */
export function cutLogs(answer: LogAnswer, query: LogQuery): LogAnswer {
  const forward = query.afterSeq !== undefined;
  const records = forward ? answer.records : [...answer.records].reverse();
  const many = fitting(records);
  if (many === records.length) return answer;
  const kept = records.slice(0, many);
  return { ...answer, records: forward ? kept : kept.reverse(), cut: true };
}

/** As many groups as one message holds, the newest first. */
export function cutErrors(answer: ErrorAnswer): ErrorAnswer {
  const many = fitting(answer.groups);
  return many === answer.groups.length ? answer : { ...answer, groups: answer.groups.slice(0, many) };
}

/** How many of them, from the first on, take no more room than a message has. */
function fitting(values: readonly unknown[]): number {
  let bytes = 0;
  for (const [index, value] of values.entries()) {
    bytes += Buffer.byteLength(JSON.stringify(value)) + 1;
    if (bytes > ROOM) return index;
  }
  return values.length;
}
