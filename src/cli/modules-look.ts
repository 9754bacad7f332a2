import type { Command } from "commander";
import type { EnvironmentName } from "../contract/declaration/contract.ts";
import { NovaError, quote } from "../model/errors.ts";
import type { CLIContext } from "./context.ts";
import { environmentOption, openChosenModules, viewChosenModules } from "./modules-session.ts";
import { formatDuration, table, visible } from "./output.ts";

export function addModulesStatusCommand(modules: Command, context: CLIContext): void {
  modules
    .command("status")
    .description("What runs of the home's modules, and whether it keeps the contract.")
    .argument("[names...]", "modules; all of them without one")
    .addOption(environmentOption())
    .option("--json", "print JSON")
    .action(async (names: string[], options: { env?: EnvironmentName; json?: boolean }, command: Command) => {
      const { status } = await import("../host/modules/status.ts");
      const found = await status(await viewChosenModules(command, context), names, options.env);
      if (options.json) return context.printJSON({ modules: found });
      const rows = found.map((one) => [
        one.module,
        one.state,
        one.health ?? "-",
        one.startedAt === null || one.state !== "running"
          ? "-"
          : formatDuration(Math.max(0, Date.now() - Date.parse(one.startedAt))),
        one.port ?? "-",
        one.contract === null ? "-" : `${one.contract}${one.forced ? " (forced)" : ""}`,
        one.image ?? "-",
      ]);
      for (const line of table(["MODULE", "STATE", "HEALTH", "UP", "PORT", "CONTRACT", "IMAGE"], rows)) context.print(line);
    });
}

export function addModulesLogsCommand(modules: Command, context: CLIContext): void {
  modules
    .command("logs")
    .description("What the containers of modules wrote.")
    .argument("[names...]", "modules; all of them without one")
    .addOption(environmentOption())
    .option("-f, --follow", "go on until Ctrl-C")
    .option("--tail <lines>", "only so many of the last lines")
    .action(async (names: string[], options: { env?: EnvironmentName; follow?: boolean; tail?: string }, command: Command) => {
      const { logs } = await import("../host/modules/logs.ts");
      const opened = await openChosenModules(command, context);
      const stop = new AbortController();
      const end = (): void => stop.abort();
      process.once("SIGINT", end).once("SIGTERM", end);
      const prefixed = names.length !== 1;
      try {
        const silent = await logs(opened, names, options.env, {
          follow: options.follow === true,
          tail: options.tail === undefined ? undefined : linesOf(options.tail),
          signal: AbortSignal.any([stop.signal, context.outputClosed]),
          // What a container wrote may hold anything: made harmless for terminals, and a line stays one line.
          onLine: (module, line) => context.print(visible(prefixed ? `${module}  ${line}` : line)),
        });
        for (const module of silent) context.note(`${visible(module)} has no container.`);
      } finally {
        process.off("SIGINT", end).off("SIGTERM", end);
      }
    });
}

function linesOf(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new NovaError("USAGE", `--tail is ${quote(text)}.`, { place: "--tail", next: "Give a number of lines." });
}
