import type { Engine } from "../../engine/engine.ts";
import { labels } from "../../engine/spec.ts";
import type { Home } from "../home/home.ts";
import type { Presence } from "../turns/presence.ts";

/** How often an engine that was lost is asked whether it is back. */
const lookAgainMs = 500;

/**
 * Removes this home's containers, running ones too, whose host is no longer alive. Goes by labels alone: containers of
 * other homes and other people's are never touched, whatever they are called. Gives the names of those removed.
 */
export async function removeAbandoned(engine: Engine, home: Home, presence: Presence): Promise<string[]> {
  const removed: string[] = [];
  for (const container of await engine.list({ [labels.home]: home.label, [labels.kind]: "agent" })) {
    const host = container.labels[labels.host];
    if (host !== undefined && presence.isAlive(host)) continue;
    await engine.remove(container.id);
    removed.push(container.name);
  }
  return removed;
}

/**
 * Removes what is left of a run whose engine was lost, as soon as the engine is back. Never rejects; gives up when
 * `signal` aborts, since then the host ends and the next host's start removes it.
 */
export async function removeWhenBack(engine: Engine, home: Home, runID: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      for (const container of await engine.list({ [labels.home]: home.label, [labels.run]: runID }))
        await engine.remove(container.id);
      return;
    } catch {
      await pause(lookAgainMs, signal);
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(end, ms);
  timer.unref();
  signal.addEventListener("abort", end, { once: true });
  function end(): void {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    resolve();
  }
  return promise;
}
