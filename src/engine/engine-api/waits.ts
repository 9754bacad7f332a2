import { NovaError } from "../../model/errors.ts";

/**
 * Waits that are under way, by container. A wait must reach the engine before the start whose end it tells, and both go over
 * connections of their own; so a start asks here first. And a start that failed ends the waits that it would leave hanging.
 */
export interface Waits {
  /** Runs `wait` now; it calls `ready` when the engine has the request. */
  begin<T>(id: string, wait: (ready: () => void, failed: AbortSignal) => Promise<T>): Promise<T>;
  /**
   * Resolves when every wait of the container that was begun has reached the engine, or has ended. Rejects with `ENGINE_LOST` when
   * one lost the engine before: whatever is asked of it next would only take as long again to be lost.
   */
  ready(id: string): Promise<void>;
  /** Ends the container's waits: it will never run. */
  fail(id: string, error: unknown): void;
}

interface PendingWait {
  readonly ready: Promise<void>;
  readonly failed: AbortController;
}

export function pendingWaits(): Waits {
  const pending = new Map<string, Set<PendingWait>>();
  return {
    begin(id, wait) {
      const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
      ready.catch(() => {});
      const entry: PendingWait = { ready, failed: new AbortController() };
      const entries = pending.get(id) ?? new Set();
      pending.set(id, entries.add(entry));
      const result = wait(resolve, entry.failed.signal)
        .catch((thrown: unknown) => {
          if (thrown instanceof NovaError && thrown.code === "ENGINE_LOST") reject(thrown);
          throw thrown;
        })
        .finally(() => {
          resolve();
          entries.delete(entry);
          if (entries.size === 0) pending.delete(id);
        });
      // A caller whose start fails may never look at the wait that it began: that is no unhandled rejection.
      result.catch(() => {});
      return result;
    },
    async ready(id) {
      await Promise.all([...(pending.get(id) ?? [])].map((entry) => entry.ready));
    },
    fail(id, error) {
      for (const entry of pending.get(id) ?? []) entry.failed.abort(error);
    },
  };
}
