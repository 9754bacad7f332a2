import type { Engine } from "../../engine/engine.ts";
import { labels } from "../../engine/spec.ts";
import type { Home } from "../home/home.ts";
import type { Presence } from "../turns/presence.ts";

/** How often an engine that was lost is asked whether it is back. */
const lookAgainMs = 500;

/** Docker lists a container that it is still making, and says of its removal that there is none: what was removed is looked for again. */
const stillThereMs = 100;
const mostLooks = 20;

/**
 * Removes this home's agent containers (of one group when `folder` is given), running ones too, whose host is no longer
 * alive. Goes by labels alone: containers of other homes and other people's are never touched, whatever they are called.
 * Gives the names of those removed.
 */
export async function removeAbandoned(engine: Engine, home: Home, presence: Presence, folder?: string): Promise<string[]> {
  const removed: string[] = [];
  const selector = {
    [labels.home]: home.label,
    [labels.kind]: "agent",
    ...(folder === undefined ? {} : { [labels.group]: folder }),
  };
  for (const container of await engine.list(selector)) {
    const host = container.labels[labels.host];
    if (host !== undefined && presence.isAlive(host)) continue;
    await engine.remove(container.id);
    removed.push(container.name);
  }
  return removed;
}

/**
 * Removes the container of a run as soon as its engine is back; true when it is gone. Goes by the run's label, because an
 * engine that was killed may have let go of a container's name before the container. Gives up with false when `signal`
 * aborts, since then the host ends and others remove it. Never rejects.
 */
export async function removeWhenBack(
  engine: Pick<Engine, "list" | "remove">,
  home: Pick<Home, "label">,
  runID: string,
  signal: AbortSignal,
): Promise<boolean> {
  let looks = 0;
  while (!signal.aborted) {
    try {
      const left = await engine.list({ [labels.home]: home.label, [labels.run]: runID });
      if (left.length === 0 || looks === mostLooks) return true;
      for (const { id } of left) await engine.remove(id);
      looks += 1;
      await pause(stillThereMs, signal);
    } catch {
      await pause(lookAgainMs, signal);
    }
  }
  return false;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    resolve();
  };
  const timer = setTimeout(end, ms);
  timer.unref();
  signal.addEventListener("abort", end, { once: true });
  return promise;
}
