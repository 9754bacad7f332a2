import type { OutgoingMessage } from "../../model/message.ts";
import type { JobEnd } from "../../model/task.ts";
import type { Failure, Item, ItemEnd, QueueRecord } from "./records.ts";
import type { HeldItem, QueueState } from "./state.ts";

/** How often a run is begun for an item before the chat is told that it failed. */
export const MAX_TRIES = 5;
/** How often a host may be killed while an agent has an item, before that item is taken for the cause. */
export const MAX_CUTS = 20;

/** How an attempt was over. `interrupted`: by the end of its host, in order or killed; `held up`: by something that is no fault of the items. */
export type AttemptEnd =
  | { readonly how: "success"; readonly skipped: boolean }
  | { readonly how: "failed"; readonly reason: string }
  | { readonly how: "held up"; readonly reason: string }
  | { readonly how: "cancelled" }
  | { readonly how: "interrupted"; readonly killed: boolean };

export interface Ending {
  readonly end: AttemptEnd;
  readonly run: string | null;
  readonly newSessionId: string | null;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The pause before the next try, in milliseconds, by how many there were. */
  readonly backoff: (tries: number) => number;
  /** The chat of a group; undefined when there is no such group any more. */
  readonly chatOf: (group: string) => string | undefined;
}

type Settled = Extract<QueueRecord, { type: "settled" }>;

/** Decides what becomes of an attempt's items. Changes nothing: the record does, when it is applied. */
export function endAttempt(state: QueueState, attemptID: number, ending: Ending): Settled {
  const attempt = state.attempts.get(attemptID);
  const { end, now } = ending;
  const at = new Date(now).toISOString();
  if (!attempt) {
    return { type: "settled", attempt: attemptID, ends: [], retryAt: 0, outgoing: [], failures: [], job: null };
  }
  const run = ending.run ?? attempt.run;
  const held = (seq: number): HeldItem | undefined => state.items.get(seq);
  const ends: [number, ItemEnd][] = attempt.answered.map((seq) => [seq, "done"]);
  for (const seq of attempt.open) ends.push([seq, endOfOpen(end, held(seq))]);
  const outgoing: OutgoingMessage[] = [];
  const failures: Failure[] = [];
  const fallback = attempt.open.concat(attempt.answered).map((seq) => held(seq)?.item);
  const chat =
    ending.chatOf(attempt.group) ?? fallback.flatMap((item) => (item?.kind === "message" ? [item.message.chatJid] : []))[0];
  const notice = (name: string, text: string): void => {
    if (chat === undefined) return;
    const id = `notice:${attemptID}:${name}`;
    outgoing.push({ id, chatJid: chat, text, kind: "notice", group: attempt.group, run, createdAt: at });
  };
  const reason = reasonOf(end);
  for (const [seq, itemEnd] of ends) {
    const item = held(seq)?.item;
    if (!item || (itemEnd !== "failed" && itemEnd !== "cancelled")) continue;
    failures.push({ ...failureOf(item), outcome: itemEnd, reason, run, at });
  }
  const lost = failures.filter(({ outcome }) => outcome === "failed");
  if (lost.length) notice("failed", failedText(lost, end, reason));
  else if (failures.length) notice("cancelled", "This was cancelled before it was answered.");
  else if (attempt.answered.length && !attempt.final) {
    if (end.how === "failed" || end.how === "held up") notice("broken", `After this answer something went wrong: ${reason}`);
    if (end.how === "cancelled") notice("broken", "This was cancelled; the answer may not be complete.");
    if (end.how === "interrupted") notice("broken", "NovaBot was stopped meanwhile; the answer may not be complete.");
  }
  const again = ends.flatMap(([seq, itemEnd]) => (isOver(itemEnd) ? [] : [held(seq)?.tries ?? 1]));
  const waits = again.length > 0 && (end.how === "failed" || end.how === "held up");
  return {
    type: "settled",
    attempt: attemptID,
    ends,
    retryAt: waits ? now + ending.backoff(Math.max(1, ...again)) : 0,
    outgoing,
    failures,
    job: again.length ? null : jobEnd(ends, held, ending, { run, reason, at, result: attempt.result }),
  };
}

/** Whether an item with this end is not tried any more. */
export function isOver(end: ItemEnd): boolean {
  return end === "done" || end === "failed" || end === "cancelled";
}

function endOfOpen(end: AttemptEnd, held: HeldItem | undefined): ItemEnd {
  if (end.how === "success") return "done";
  if (end.how === "cancelled") return "cancelled";
  // Hosts die for many reasons, and what they had acknowledged is not given up for that; but an item may be the reason.
  if (end.how === "interrupted" && end.killed) return (held?.cuts ?? 0) + 1 >= MAX_CUTS ? "failed" : "cut";
  if (end.how === "held up" || end.how === "interrupted") return "back";
  return (held?.tries ?? 0) >= MAX_TRIES ? "failed" : "again";
}

function reasonOf(end: AttemptEnd): string {
  if (end.how === "failed" || end.how === "held up") return end.reason;
  if (end.how === "interrupted") return "NovaBot ended in the middle of it.";
  return end.how === "cancelled" ? "It was cancelled." : "";
}

function failedText(failures: readonly Failure[], end: AttemptEnd, reason: string): string {
  const [first] = failures;
  const what =
    first?.kind === "job"
      ? `The task ${first.id} could not be done`
      : failures.length === 1
        ? "Your message could not be answered"
        : `${failures.length} messages could not be answered`;
  if (end.how === "interrupted") return `${what}: NovaBot was killed in the middle of it ${MAX_CUTS} times.`;
  return `${what}, after ${MAX_TRIES} tries. ${reason}`.trim();
}

function failureOf(item: Item): Pick<Failure, "group" | "chatJid" | "id" | "kind"> {
  return item.kind === "message"
    ? { group: item.group, chatJid: item.message.chatJid, id: item.message.id, kind: "message" }
    : { group: item.group, chatJid: null, id: item.job.task, kind: "job" };
}

function jobEnd(
  ends: readonly (readonly [number, ItemEnd])[],
  held: (seq: number) => HeldItem | undefined,
  ending: Ending,
  facts: { readonly run: string | null; readonly reason: string; readonly at: string; readonly result: string | null },
): JobEnd | null {
  for (const [seq, itemEnd] of ends) {
    const item = held(seq)?.item;
    if (item?.kind !== "job") continue;
    const failed = itemEnd !== "done" || ending.end.how === "failed";
    const skipped = ending.end.how === "success" && ending.end.skipped;
    return {
      run: facts.run,
      plannedAt: item.job.plannedAt,
      endedAt: facts.at,
      outcome: failed ? "failed" : skipped ? "skipped" : "success",
      result: facts.result,
      error: failed ? facts.reason : null,
      newSessionId: ending.newSessionId,
    };
  }
  return null;
}
