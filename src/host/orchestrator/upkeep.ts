import { setTimeout as delay } from "node:timers/promises";
import type { Home } from "../../agents/home/home.ts";
import { messageOf } from "../../model/errors.ts";
import type { Logger } from "../../orchestrator/ports.ts";
import type { HistoryRetention, Retention, Store } from "../../store/store.ts";
import { removeUnspoken } from "./recordings.ts";

/** New lines are searched as they are until they are indexed. */
const INDEX_EVERY_MS = 1000;
const RETAIN_EVERY_MS = 60_000;
/** Its bounds are far away, and it grows slowly. */
const HISTORY_EVERY_MS = 600_000;

export interface UpkeepOptions {
  readonly home: Home;
  readonly store: Store;
  readonly logger: Logger;
  readonly retention: Retention;
  readonly history: HistoryRetention;
}

/** Keeps the full-text index behind what is taken in, and takes out what is beyond the bounds. Gives what ends it. */
export function keepUp({ home, store, logger, retention, history }: UpkeepOptions): () => Promise<void> {
  const over = new AbortController();
  const again = async (everyMs: number, what: string, work: () => Promise<unknown>): Promise<void> => {
    let told: string | undefined;
    while (!over.signal.aborted) {
      try {
        await work();
        told = undefined;
      } catch (error) {
        const reason = messageOf(error);
        if (!over.signal.aborted && reason !== told) logger.warn({ reason }, what);
        told = reason;
      }
      await delay(everyMs, undefined, { signal: over.signal }).catch(() => undefined);
    }
  };
  const { signal } = over;
  const running = Promise.all([
    again(INDEX_EVERY_MS, "the full-text index could not be brought up to what is there", () => store.index(signal)),
    again(RETAIN_EVERY_MS, "what is beyond the bounds could not be taken out", () => store.retain(retention, Date.now(), signal)),
    again(HISTORY_EVERY_MS, "what is beyond the bounds of the history could not be taken out", async () => {
      await store.retainHistory(history, Date.now(), signal);
      await removeUnspoken(home, store, Date.now(), signal);
    }),
  ]);
  return async () => {
    over.abort();
    await running;
  };
}
