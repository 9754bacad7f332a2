import { setTimeout as delay } from "node:timers/promises";

/** Node makes a longer one a millisecond. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Resolves after `ms` milliseconds, however many they are, or when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  for (let left = ms; left > 0 && !signal.aborted; left -= LONGEST_TIMER_MS)
    await delay(Math.min(left, LONGEST_TIMER_MS), undefined, { signal }).catch(() => undefined);
}
