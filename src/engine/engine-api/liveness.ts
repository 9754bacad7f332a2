import { setTimeout as sleep } from "node:timers/promises";
import { request as httpRequest } from "node:http";
import { NovaError, messageOf } from "../../model/errors.ts";

export interface LivenessTimes {
  /** Before the first ping, so that a request that is answered at once costs none, and from one answered ping to the next. */
  readonly everyMs: number;
  /** A daemon that is there and silent for so long is lost. */
  readonly hangMs: number;
  /** After a refused ping, before the one that decides. */
  readonly recheckMs: number;
  /** For a ping on behalf of those who came while one was not being answered: they have waited already. */
  readonly lateMs: number;
}

/** Together below the 5 seconds in which a loss must be told. */
const defaults: LivenessTimes = { everyMs: 700, hangMs: 3800, recheckMs: 200, lateMs: 900 };

/**
 * Watches the daemon while somebody waits for it. Each ping is a connection of its own: open ones outlive the socket's
 * removal and say nothing of whether the daemon can still be reached.
 */
export interface Liveness {
  /** Calls `onLost` once if the daemon goes away, or is found to be away, before the returned function is called. */
  watch(onLost: (error: NovaError) => void): () => void;
  /** Whether the daemon answers now; the error that says why not. */
  check(): Promise<NovaError | undefined>;
}

export function liveness(socket: string, times: LivenessTimes = defaults): Liveness {
  const watchers = new Set<(error: NovaError) => void>();
  let watching = false;

  async function check(hangMs: number = times.hangMs): Promise<NovaError | undefined> {
    const first = await ping(socket, hangMs);
    // Silence has been given its time already; a refusal may be a listener that is just being replaced.
    if (first === undefined || first.kind === "silent") return first && lost(socket, first.reason);
    await sleep(times.recheckMs);
    const second = await ping(socket, hangMs - times.recheckMs);
    return second && lost(socket, second.reason);
  }

  async function run(): Promise<void> {
    watching = true;
    try {
      let away = false;
      while (watchers.size > 0) {
        if (!away) await sleep(times.everyMs, undefined, { ref: false });
        const asked = [...watchers];
        if (asked.length === 0) break;
        const error = await check(away ? times.lateMs : times.hangMs);
        away = error !== undefined;
        if (error) for (const watcher of asked) if (watchers.delete(watcher)) watcher(error);
      }
    } finally {
      watching = false;
    }
  }

  return {
    check: () => check(),
    watch(onLost) {
      watchers.add(onLost);
      if (!watching) void run();
      return () => watchers.delete(onLost);
    },
  };
}

function lost(socket: string, reason: string): NovaError {
  return new NovaError("ENGINE_LOST", `The engine at ${socket} went away: ${reason}.`, {
    place: socket,
    next: "Start the engine again; NovaBot finds it without a restart of its own.",
    facts: { socket },
  });
}

/** One `GET /_ping` on a fresh connection. */
function ping(socket: string, timeoutMs: number): Promise<{ kind: "refused" | "silent"; reason: string } | undefined> {
  return new Promise((resolve) => {
    const request = httpRequest({
      socketPath: socket,
      path: "/_ping",
      agent: false,
      headers: { host: "engine", connection: "close" },
    });
    const startedAt = performance.now();
    let timer = setTimeout(expire, timeoutMs);
    let extended = false;
    function expire(): void {
      // A timer that is late tells of this process, which was busy or asleep, and not of the daemon.
      if (!extended && performance.now() - startedAt > timeoutMs + 500) {
        extended = true;
        timer = setTimeout(expire, 1000);
        return;
      }
      // Timers run before input is read: an answer may be there already.
      setImmediate(() => setImmediate(() => settle({ kind: "silent", reason: `no answer to a ping for ${timeoutMs} ms` })));
    }
    function settle(result: { kind: "refused" | "silent"; reason: string } | undefined): void {
      clearTimeout(timer);
      resolve(result);
      request.destroy();
    }
    request.on("error", (error) => settle({ kind: "refused", reason: messageOf(error) }));
    request.on("response", (response) => {
      response.resume();
      settle(
        (response.statusCode ?? 500) < 500
          ? undefined
          : { kind: "refused", reason: `a ping was answered with ${response.statusCode}` },
      );
    });
    request.end();
  });
}
