import { setTimeout as sleep } from "node:timers/promises";
import type { InstanceSpec, Probe } from "../../model/instance.ts";
import { probe, type ProbePlace } from "./probe.ts";

/** An instance that is about to be ready is asked more often than its interval says, so that nobody waits for it longer than needed. */
const EAGER_MS = 25;

export interface HealthNews {
  /** It became ready, or is no longer, with the reason. */
  ready(isReady: boolean, why: string): void;
  /** It is to be ended, and why. */
  failed(why: string): void;
}

/** Watches over a process that was just started, until the function that it gives is called. */
export function watchHealth(
  { readiness, liveness, startGraceMs }: Pick<InstanceSpec, "readiness" | "liveness" | "startGraceMs">,
  place: ProbePlace,
  news: HealthNews,
): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  const watch = (task: Promise<void>): void => {
    // Only the end of the watch interrupts it.
    task.catch((thrown: unknown) => {
      if (!signal.aborted) throw thrown;
    });
  };
  if (readiness !== null) watch(watchReadiness(readiness, startGraceMs, place, news, signal));
  if (liveness !== null) watch(watchLiveness(liveness, startGraceMs, place, news, signal));
  return () => ending.abort();
}

async function watchReadiness(
  settings: Probe,
  startGraceMs: number,
  place: ProbePlace,
  news: HealthNews,
  signal: AbortSignal,
): Promise<void> {
  let lastWhy = "was not asked";
  let wasReady = false;
  const tooLate = setTimeout(() => {
    if (!wasReady) news.failed(`it was not ready within ${startGraceMs} ms: ${lastWhy}`);
  }, startGraceMs);
  signal.addEventListener("abort", () => clearTimeout(tooLate));

  for (let eagerMs = EAGER_MS; !wasReady; eagerMs *= 1.5) {
    const why = await probe(settings.target, place, settings.timeoutMs, signal);
    if (signal.aborted) return;
    if (why === null) wasReady = true;
    else {
      lastWhy = why;
      await sleep(Math.min(eagerMs, settings.intervalMs), undefined, { signal });
    }
  }
  clearTimeout(tooLate);
  news.ready(true, "it is ready");

  let isReady = true;
  let failures = 0;
  for (;;) {
    await sleep(settings.intervalMs, undefined, { signal });
    const why = await probe(settings.target, place, settings.timeoutMs, signal);
    if (signal.aborted) return;
    failures = why === null ? 0 : failures + 1;
    // One good answer is enough to be ready again; to be unready it takes as many failures as were set.
    const now: boolean = why === null || (isReady && failures < settings.failures);
    if (now === isReady) continue;
    isReady = now;
    news.ready(isReady, why === null ? "it is ready again" : `it is not ready any more: ${why}`);
  }
}

async function watchLiveness(
  settings: Probe,
  startGraceMs: number,
  place: ProbePlace,
  news: HealthNews,
  signal: AbortSignal,
): Promise<void> {
  await sleep(startGraceMs, undefined, { signal });
  for (let failures = 0; ;) {
    const why = await probe(settings.target, place, settings.timeoutMs, signal);
    if (signal.aborted) return;
    failures = why === null ? 0 : failures + 1;
    if (failures >= settings.failures) {
      const times = failures === 1 ? "once" : `${failures} times in a row`;
      news.failed(`its liveness failed ${times}: ${why}`);
      return;
    }
    await sleep(settings.intervalMs, undefined, { signal });
  }
}
