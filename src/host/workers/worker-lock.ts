import { join } from "node:path";
import type { Home } from "../../agents/home/home.ts";
import type { Presence } from "../../agents/turns/presence.ts";
import { TurnQueue } from "../../agents/turns/turns.ts";

/**
 * Does `work` while no other process of the home changes this worker. Names that differ in case alone share a lock, since only one of them may exist.
 */
export async function withWorkerLock<T>(home: Home, presence: Presence, name: string, work: () => Promise<T>): Promise<T> {
  const turn = await queue(home, presence, name).take();
  try {
    return await work();
  } finally {
    await turn.release();
  }
}

/** The same, unless somebody is at this worker: then nothing is done, and undefined. */
export async function ifWorkerFree<T>(
  home: Home,
  presence: Presence,
  name: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const busy = new AbortController();
  const turn = await queue(home, presence, name)
    .take(busy.signal, () => busy.abort())
    .catch((error: unknown) => {
      if (busy.signal.aborted) return undefined;
      throw error;
    });
  if (!turn) return undefined;
  try {
    return await work();
  } finally {
    await turn.release();
  }
}

/** A group's folder holds no dot, so that no group's queue has this name. */
function queue(home: Home, presence: Presence, name: string): TurnQueue {
  return new TurnQueue(join(home.host, "turns", `worker.${name.toLowerCase()}`), 1, presence);
}
