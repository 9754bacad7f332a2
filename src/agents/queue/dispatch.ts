import type { Item } from "./records.ts";
import { batchOf } from "./prompt.ts";
import type { QueueState } from "./state.ts";

/** The waiting items of a group in order. */
export function waitingItems(state: QueueState, group: string): Item[] {
  return (state.waiting.get(group) ?? []).flatMap((seq) => state.items.get(seq)?.item ?? []);
}

/** What one run takes on: a task alone, or the messages up to the next task, as many as go together. */
export function nextItems(state: QueueState, group: string): Item[] {
  const messages: Extract<Item, { kind: "message" }>[] = [];
  for (const item of waitingItems(state, group)) {
    if (item.kind === "job") return messages.length ? batchOf(messages) : [item];
    messages.push(item);
  }
  return batchOf(messages);
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
    if (seq === undefined || isBusy(group) || (state.retryAt.get(group) ?? 0) > now) continue;
    const candidate = { group, served: served.get(group) ?? 0, seq };
    if (!best || candidate.served < best.served || (candidate.served === best.served && candidate.seq < best.seq))
      best = candidate;
  }
  return best?.group;
}
