import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import { readGroups } from "../agents/groups/registry.ts";
import type { Home } from "../agents/home/home.ts";
import { liveRuns, requestCancel, type LiveEntry } from "../agents/run/live-runs.ts";
import { Presence } from "../agents/turns/presence.ts";
import { callServe } from "../host/serve/control-client.ts";
import { NovaError, quote } from "../model/errors.ts";
import type { CLIContext } from "./context.ts";
import { openChosenHome } from "./session.ts";

/** An agent has 15 seconds from SIGTERM to SIGKILL, and a busy engine some more. */
const patienceMs = 60_000;
const lookAgainMs = 50;

export function addCancelCommand(program: Command, context: CLIContext): void {
  program
    .command("cancel")
    .description("Stop a run that goes on, whichever process of the home carries it, and wait until it is over.")
    .argument("<group-or-run>", "the group's folder, chat id or name, or the run's id or the beginning of it")
    .option("--json", "print JSON")
    .action(async (name: string, options: { json?: boolean }, command: Command) => {
      const home = await openChosenHome(command, context, false);
      const stopped = await cancelRuns(home, name);
      if (options.json) context.printJSON({ stopped });
      else
        for (const { group, run } of stopped)
          context.print(`Cancelled ${run === null ? "the next run" : `run ${run}`} of ${group}.`);
    });
}

/** Gives what was stopped. Rejects with `RUN_NOT_FOUND` when nothing of that name goes on. */
async function cancelRuns(home: Home, name: string): Promise<{ readonly group: string; readonly run: string | null }[]> {
  const group = (await readGroups(home)).find((one) => [one.folder, one.jid, one.name].includes(name));
  const isMeant = ({ run, group: folder }: LiveEntry): boolean =>
    folder === group?.folder || (/^[0-9a-f]{4,}$/.test(name) && run.startsWith(name));
  const presence = await Presence.claim(home);
  try {
    const meant = (await liveRuns(home, presence)).filter(isMeant);
    if (!meant.length) return await cancelWaiting(home, group?.folder, name);
    for (const { run } of meant) await requestCancel(home, run).catch(ignoreOver);
    const runs = new Set(meant.map(({ run }) => run));
    const since = performance.now();
    while ((await liveRuns(home, presence)).some(({ run }) => runs.has(run))) {
      if (performance.now() - since > patienceMs) {
        throw new NovaError("INTERNAL", `The run does not end: ${[...runs].join(", ")}.`, {
          next: "Look at `novabot doctor`: its engine may hang.",
        });
      }
      await delay(lookAgainMs);
    }
    return meant.map(({ group: folder, run }) => ({ group: folder, run }));
  } finally {
    await presence.release();
  }
}

/** A run that waits for its turn has no id yet; the process that serves the home knows of it. */
async function cancelWaiting(
  home: Home,
  folder: string | undefined,
  name: string,
): Promise<{ readonly group: string; readonly run: string | null }[]> {
  const answer = await callServe(home, "/v1/cancel", { name: folder ?? name }).catch((thrown: unknown) => {
    if (thrown instanceof NovaError && thrown.code === "SERVE_NOT_RUNNING") return { stopped: [] };
    throw thrown;
  });
  const { stopped } = answer as { stopped: { group: string; run: string | null }[] };
  if (stopped.length) return stopped;
  throw new NovaError("RUN_NOT_FOUND", `Nothing that is called ${quote(name)} goes on.`, {
    place: "group or run",
    next: "See `novabot status` for what goes on, and `novabot runs list` for what is over.",
  });
}

function ignoreOver(thrown: unknown): void {
  if (!(thrown instanceof NovaError && thrown.code === "RUN_NOT_FOUND")) throw thrown;
}

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
