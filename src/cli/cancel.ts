import type { CLIContext } from "./context.ts";

/** A terminal signals every process of its foreground, and a wrapper passes the signal on: within this time it is the same. */
const sameSignalMs = 500;
const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Ctrl-C, a closed terminal and a reader that went away stop the container, and the command waits for that; a second Ctrl-C
 * gives up waiting, and the next start cleans up.
 */
export function cancelOnSignals(context: CLIContext): { readonly signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  let firstAt = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      if (performance.now() - firstAt > sameSignalMs) process.exit(1);
      return;
    }
    firstAt = performance.now();
    context.note(`${signal} received: stopping the container.`);
    controller.abort();
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    signal: AbortSignal.any([controller.signal, context.outputClosed]),
    end() {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
