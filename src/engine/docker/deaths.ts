import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "../engine-api/connection.ts";
import { jsonLines } from "../engine-api/lines.ts";
import { deathEvents, readDeath } from "./response.ts";

/** For a death's event after its wait was answered: both leave the daemon at once, over two connections. */
const EVENT_MARGIN_MS = 500;

/**
 * An engine-removed container cannot be asked afterwards whether its memory ran out, so the engine's events are read while
 * somebody waits: one stream for all containers of an engine.
 */
export interface Deaths {
  /** Resolves when events are being read, or cannot be; `release` when the container's end is known. */
  follow(id: string): Promise<DeathRecord>;
}

export interface DeathRecord {
  /** Whether the container ran out of memory, once its death was seen. Events come in order: what follows is not awaited. */
  outOfMemory(): Promise<boolean>;
  release(): void;
}

interface Followed {
  outOfMemory: boolean;
  followers: number;
  readonly died: PromiseWithResolvers<void>;
}

export function deaths(connection: Connection): Deaths {
  const followed = new Map<string, Followed>();
  let stream: { readonly open: Promise<void>; readonly abort: AbortController } | undefined;

  function openStream(): { readonly open: Promise<void>; readonly abort: AbortController } {
    const abort = new AbortController();
    const filters = JSON.stringify({ type: ["container"], event: deathEvents });
    const opening = connection.open({
      method: "GET",
      path: "/events",
      query: { filters },
      signal: abort.signal,
      timeoutMs: 10_000,
      what: "tell of deaths",
    });
    const opened = {
      open: opening.then(
        () => {},
        () => {},
      ),
      abort,
    };
    const reading = async (): Promise<void> => {
      for await (const value of jsonLines(await opening, "deaths")) {
        const death = readDeath(value);
        const container = death && followed.get(death.id);
        if (!container) continue;
        if (death.what === "out of memory") container.outOfMemory = true;
        else container.died.resolve();
      }
    };
    // Losing the stream is told by the waits themselves, and the next wait opens another.
    void reading()
      .catch(() => {})
      .finally(() => {
        if (stream === opened) stream = undefined;
      });
    return opened;
  }

  return {
    async follow(id) {
      const container = followed.get(id) ?? { outOfMemory: false, followers: 0, died: Promise.withResolvers<void>() };
      followed.set(id, container);
      container.followers += 1;
      stream ??= openStream();
      await stream.open;
      let released = false;
      return {
        async outOfMemory() {
          if (stream) await Promise.race([container.died.promise, sleep(EVENT_MARGIN_MS, undefined, { ref: false })]);
          return container.outOfMemory;
        },
        release() {
          if (released) return;
          released = true;
          container.followers -= 1;
          if (container.followers === 0) followed.delete(id);
          if (followed.size > 0) return;
          stream?.abort.abort();
          stream = undefined;
        },
      };
    },
  };
}
