import { messageOf, NovaError } from "../../model/errors.ts";
import type { Store } from "../../store/store.ts";
import { pause } from "../../workers/link/pause.ts";
import type { Sink } from "../../workers/link/sink.ts";
import type { LinkTimes } from "./times.ts";

/** Where the container's records came from, as it was found: what it says of itself is not asked. */
export interface From {
  readonly worker: string;
  readonly container: string;
}

/**
 * Keeps a worker's records in the store. While the store cannot take them they are tried again, so that the link to the worker and calls over it go
 * on; what is not kept stays with the worker. `onStuck` hears why, and null when it went on.
 */
export function sinkOf(
  store: Pick<Store, "have" | "keep">,
  { worker, container }: From,
  times: Pick<LinkTimes, "keepAgainMs" | "mostKeepAgainMs" | "slowMs">,
  onStuck: (why: string | null) => void,
): Sink {
  return {
    have: () => store.have(worker, container),
    async keep({ bootID, records }, _hello, signal) {
      let delayMs = times.keepAgainMs;
      for (let isStuck = false; ; isStuck = true) {
        const slow = setTimeout(() => {
          isStuck = true;
          onStuck("more came than its bounds hold, or the database is slow");
        }, times.slowMs);
        try {
          await store.keep({ worker, container, bootID, records }, signal);
          if (isStuck) onStuck(null);
          return;
        } catch (error) {
          if (!mayPass(error)) throw error;
          onStuck(messageOf(error));
        } finally {
          clearTimeout(slow);
        }
        await pause(delayMs, signal);
        signal.throwIfAborted();
        delayMs = Math.min(delayMs * 2, times.mostKeepAgainMs);
      }
    },
  };
}

/** The disk may have room again, whoever holds the database let it go, and a thread of it that ended is started anew. */
export function mayPass(error: unknown): boolean {
  return (
    error instanceof NovaError && (error.code === "STORE_FULL" || error.code === "STORE_LOCKED" || error.code === "STORE_FAILED")
  );
}
