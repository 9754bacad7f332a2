import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { Report } from "../contract/findings/finding.ts";
import { select } from "../contract/findings/selection.ts";
import { openLiveCheck } from "../host/check/live.ts";
import { isPath } from "../host/check/targets.ts";
import { NovaError, quote } from "../model/errors.ts";
import { currentDirectory, formatOf, selectionOf, tellReport } from "./check-report.ts";
import type { CheckOptions } from "./check.ts";
import type { CLIContext } from "./context.ts";
import { chosenHomePath } from "./home-path.ts";

/** Between two rounds of `--watch` when no number is given. */
const EVERY_SECONDS = 10;

/** `novabot check --live`, with or without `--watch`. A word that is no path is a name. */
export async function checkWhatRuns(
  words: readonly string[],
  options: CheckOptions,
  command: Command,
  context: CLIContext,
): Promise<void> {
  const cwd = currentDirectory();
  const paths: string[] = [];
  const names: string[] = [];
  for (const word of words) ((await isPath(word, cwd)) ? paths : names).push(word);
  const format = formatOf(options);
  const everyMs = options.watch === undefined ? undefined : secondsOf(options.watch, "--watch", EVERY_SECONDS) * 1000;
  if (everyMs !== undefined && format !== "text" && format !== "json") {
    throw new NovaError("USAGE", `--watch repeats its report, which --format ${format} cannot.`, {
      place: "--watch",
      next: "Use --format text or json with --watch.",
    });
  }
  if (options.fix || options.dryRun) {
    throw new NovaError("USAGE", "--fix mends files, and --live looks at what runs.", {
      place: "--fix",
      next: "Run `novabot check --fix`, then `novabot modules up`, then `novabot check --live`.",
    });
  }
  const end = everyMs === undefined ? undefined : endOnSignals();
  const stop = AbortSignal.any([context.outputClosed, ...(end ? [end.signal] : [])]);
  try {
    const live = await openLiveCheck({
      paths,
      names,
      cwd,
      home: chosenHomePath(command, context),
      env: context.env,
      environmentName: options.env,
      profiles: options.profile,
      waitMs: options.wait === undefined ? 0 : secondsOf(options.wait, "--wait") * 1000,
      signal: stop,
    });
    let before: string | undefined;
    for (;;) {
      const report = await live.check();
      const now = gistOf(select(report, selectionOf(options)));
      // For people only what is new; for programs every round, so that they see that it goes on.
      if (before !== now || format === "json")
        await tellReport(report, { ...options, oneLine: everyMs !== undefined }, context, cwd);
      before = now;
      if (everyMs === undefined || stop.aborted) return;
      await sleep(everyMs, undefined, { signal: stop }).catch(() => {});
      if (stop.aborted) return;
    }
  } finally {
    end?.release();
  }
}

/** A watch that is ended says by its exit status how the last round went. */
function endOnSignals(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const names = ["SIGINT", "SIGTERM"] as const;
  const onSignal = (): void => controller.abort();
  for (const name of names) process.once(name, onSignal);
  return {
    signal: controller.signal,
    release() {
      for (const name of names) process.off(name, onSignal);
    },
  };
}

function secondsOf(text: string | true, place: string, otherwise?: number): number {
  const seconds = text === true ? otherwise : Number(text);
  if (
    seconds === undefined ||
    !Number.isFinite(seconds) ||
    seconds < 0 ||
    (place === "--watch" && seconds < 1) ||
    seconds > 86_400
  ) {
    throw new NovaError("USAGE", `${quote(String(text))} is no number of seconds.`, {
      place,
      next: `Give ${place} a number of seconds, at most 86400.`,
    });
  }
  return seconds;
}

/** What a report says without what only time changes: numbers of seconds, of processes, of bytes. */
function gistOf({ findings, checked, unchecked }: Report): string {
  const plain = (text: string): string => text.replaceAll(/\d+/g, "#");
  return JSON.stringify([
    findings.map(({ rule, module, subject, message }) => [rule, module, subject, plain(message)]),
    checked.map(({ rule, module, verdict }) => [rule, module, verdict]),
    unchecked.map(({ module, message }) => [module, plain(message)]),
  ]);
}
