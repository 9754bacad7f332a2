import type { Item } from "./records.ts";
import { batchOf } from "./prompt.ts";
import type { QueueState } from "./state.ts";

/** An item whose host was killed so often is run by itself: if it is the cause, it shall take no others with it. */
const aloneAfterCuts = 5;
const longestPauseMs = 900_000;

/** The waiting items of a group in order. */
function waitingItems(state: QueueState, group: string): Item[] {
  return (state.waiting.get(group) ?? []).flatMap((seq) => state.items.get(seq)?.item ?? []);
}

/** Whether this item is run by itself, and nothing is handed to its agent meanwhile. */
function isAlone(state: QueueState, { seq, kind }: Item): boolean {
  return kind === "job" || (state.items.get(seq)?.cuts ?? 0) >= aloneAfterCuts;
}

/** What may be handed to an agent that has `items` of the group: the messages that wait, up to the first that is run alone. */
export function followUps(state: QueueState, group: string, items: readonly Item[]): Item[] {
  if (items.some((item) => isAlone(state, item))) return [];
  const waiting = waitingItems(state, group);
  const end = waiting.findIndex((item) => isAlone(state, item));
  return end < 0 ? waiting : waiting.slice(0, end);
}

/** What one run takes on: an item alone, or the messages up to the next one that is, as many as go together. */
export function nextItems(state: QueueState, group: string): Item[] {
  const messages: Extract<Item, { kind: "message" }>[] = [];
  for (const item of waitingItems(state, group)) {
    if (isAlone(state, item) || item.kind === "job") return messages.length ? batchOf(messages) : [item];
    messages.push(item);
  }
  return batchOf(messages);
}

/** When the group's pause after a failure ends, in milliseconds since 1970; 0 when it is in none. */
export function pauseEnd(state: QueueState, group: string, now: number): number {
  const at = state.retryAt.get(group) ?? 0;
  // No pause is so long: the clock went back.
  return at > now && at - now <= longestPauseMs ? at : 0;
}

/**
 * The group whose turn it is: of those that have something waiting, are not at work and are not in a pause, the one that was
 * not served for longest, and among equals the one that waits longest.
 */
export function nextGroup(
  state: QueueState,
  served: ReadonlyMap<string, number>,
  isBusy: (group: string) => boolean,
  now: number,
): string | undefined {
  let best: { group: string; served: number; seq: number } | undefined;
  for (const [group, [seq]] of state.waiting) {
    if (seq === undefined || isBusy(group) || pauseEnd(state, group, now) > 0) continue;
    const candidate = { group, served: served.get(group) ?? 0, seq };
    if (!best || candidate.served < best.served || (candidate.served === best.served && candidate.seq < best.seq))
      best = candidate;
  }
  return best?.group;
}
