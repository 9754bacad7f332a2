import type { CLIContext } from "./context.ts";

/** How long answers that are being made may take when the process is asked to end. */
export const patienceMs = 20_000;
/** A terminal signals every process of its foreground, and a wrapper passes the signal on: within this time it is the same. */
const sameSignalMs = 500;

/** The first signal asks for the end, the second ends the patience with runs that go on, the third ends the process. */
export function endOnSignals(
  context: CLIContext,
  onStopping: (live: number) => void,
): { asked(live: () => number): Promise<void>; readonly patience: AbortSignal; end(): void } {
  const asked = Promise.withResolvers<void>();
  const patience = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let signals = 0;
  let lastAt = -Infinity;
  const onSignal = (): void => {
    if (performance.now() - lastAt < sameSignalMs) return;
    lastAt = performance.now();
    signals += 1;
    if (signals === 1) asked.resolve();
    else if (signals === 2) patience.abort();
    else process.exit(1);
  };
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of names) process.on(name, onSignal);
  context.outputClosed.addEventListener("abort", onSignal);
  return {
    patience: patience.signal,
    async asked(live) {
      await asked.promise;
      onStopping(live());
      timer = setTimeout(() => patience.abort(), patienceMs);
    },
    end() {
      clearTimeout(timer);
      for (const name of names) process.off(name, onSignal);
      context.outputClosed.removeEventListener("abort", onSignal);
    },
  };
}
