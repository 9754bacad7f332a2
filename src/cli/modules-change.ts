import type { Command } from "commander";
import pc from "picocolors";
import type { EnvironmentName } from "../contract/declaration/contract.ts";
import type { Changed } from "../host/modules/change.ts";
import type { Modules } from "../host/modules/modules.ts";
import { errorCodes, NovaError, quote } from "../model/errors.ts";
import type { CLIContext } from "./context.ts";
import { environmentOption, openChosenModules } from "./modules-session.ts";
import { describeError, errorDocument, formatDuration, visible } from "./output.ts";

interface ChangeOptions {
  readonly env?: EnvironmentName;
  readonly force?: boolean;
  readonly timeout: string;
  readonly json?: boolean;
}

export function addModulesUpCommand(modules: Command, context: CLIContext): void {
  modules
    .command("up")
    .description("Bring modules to what their files say: secrets, network, images, check, start, health, check of what runs.")
    .argument("[names...]", "modules, by name or by its last part; all that are there without one")
    .addOption(environmentOption())
    .option("--force", "start a module that breaks the contract, and say so")
    .option("--timeout <seconds>", "how long a module may take to become healthy", "180")
    .option("--json", "print JSON")
    .action(async (names: string[], options: ChangeOptions, command: Command) => {
      const timeoutMs = secondsOf(options.timeout);
      const force = options.force === true;
      const { up } = await import("../host/modules/change.ts");
      await change(command, context, options, (opened, signal) => up(opened, names, options.env, { force, timeoutMs, signal }));
    });
}

export function addModulesDownCommand(modules: Command, context: CLIContext): void {
  modules
    .command("down")
    .description("Stop and remove the containers of modules; their data, volumes and the shared network stay.")
    .argument("[names...]", "modules; all of them without one")
    .addOption(environmentOption())
    .option("--json", "print JSON")
    .action(async (names: string[], options: ChangeOptions, command: Command) => {
      const { down } = await import("../host/modules/change.ts");
      await change(command, context, options, (opened, signal) => down(opened, names, options.env, signal));
    });
}

export function addModulesRestartCommand(modules: Command, context: CLIContext): void {
  modules
    .command("restart")
    .description("Stop the containers of modules and start the same ones again; `up` takes changes over.")
    .argument("[names...]", "modules; all of them without one")
    .addOption(environmentOption())
    .option("--timeout <seconds>", "how long a module may take to become healthy", "180")
    .option("--json", "print JSON")
    .action(async (names: string[], options: ChangeOptions, command: Command) => {
      const timeoutMs = secondsOf(options.timeout);
      const { restart } = await import("../host/modules/change.ts");
      await change(command, context, options, (opened, signal) => restart(opened, names, options.env, { timeoutMs, signal }));
    });
}

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0 && seconds <= 86_400) return seconds * 1000;
  throw new NovaError("USAGE", `--timeout is ${quote(text)}.`, { place: "--timeout", next: "Give a number of seconds." });
}

/**
 * Runs a change so that Ctrl-C ends it in order: what has begun is rolled back, what has not is left out. A second Ctrl-C ends the process at
 * once, and the next `up` takes over.
 */
async function change(
  command: Command,
  context: CLIContext,
  options: ChangeOptions,
  work: (modules: Modules, signal: AbortSignal) => Promise<Changed[]>,
): Promise<void> {
  const opened = await openChosenModules(command, context);
  const stop = new AbortController();
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(130);
    context.note("Interrupted: putting things in order (once more ends at once).");
    stop.abort();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    report(await work(opened, stop.signal), context, options.json === true);
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

function report(changed: readonly Changed[], context: CLIContext, json: boolean): void {
  if (json) {
    context.printJSON({
      modules: changed.map(({ error, started, ...about }) => ({
        ...about,
        ...(started ? { containers: started.containers, forced: started.forced, notes: started.notes } : {}),
        ...(started ? { findings: started.findings.map(({ rule, severity, message }) => ({ rule, severity, message })) } : {}),
        ...(error ? (errorDocument(error) as object) : {}),
      })),
    });
  } else {
    for (const { module, result, error, started, durationMs } of changed) {
      if (error) for (const line of describeError(error)) context.note(line);
      const forced = started?.forced === true ? `, ${pc.red("although it breaks the contract (--force)")}` : "";
      context.print(`${visible(module)}: ${result}${forced} (${formatDuration(durationMs)})`);
      for (const note of started?.notes ?? []) context.print(`  ${visible(note)}`);
    }
    if (changed.length === 0) context.print("There are no modules. Bring them with `novabot modules add`.");
  }
  const exits = changed.map(({ error, result }) => (error ? errorCodes[error.code].exit : result === "left out" ? 1 : 0));
  if (exits.includes(2)) context.setExitCode(2);
  else if (exits.includes(1)) context.setExitCode(1);
}
