import type { EnvironmentName } from "../../contract/declaration/contract.ts";
import { logsCommand } from "../compose/command.ts";
import { runCompose } from "../compose/run.ts";
import { containersOf, refuseStrangers } from "./containers.ts";
import { chooseModules, environmentOf, type Modules, openModule } from "./modules.ts";

export interface LogsOptions {
  readonly follow: boolean;
  /** How many of the last lines; undefined is all of them. */
  readonly tail: number | undefined;
  readonly signal: AbortSignal;
  onLine(module: string, line: string): void;
}

/** What the containers of modules wrote, line by line, until they end or `signal` aborts. Gives the modules that have none. */
export async function logs(
  modules: Modules,
  names: readonly string[],
  environment: EnvironmentName | undefined,
  options: LogsOptions,
): Promise<string[]> {
  const { chosen } = chooseModules(modules.contract, names);
  const silent: string[] = [];
  await Promise.all(
    chosen.map(async (module) => {
      const project = await openModule(modules, module, await environmentOf(modules, module, environment));
      const containers = await containersOf(modules.engine, project);
      refuseStrangers(containers, project, modules.home);
      if (containers.length === 0) {
        silent.push(module.name);
        return;
      }
      const command = logsCommand(modules.compose.flavour, options.tail, options.follow);
      await runCompose(modules.compose, project.selection, command, {
        variables: project.variables,
        signal: options.signal,
        timeoutMs: options.follow ? 2 ** 31 - 1 : 600_000,
        // Compose itself begins a line by clearing it, whatever it is told of terminals.
        onLine: (line) => options.onLine(module.name, line.replace(/^(?:\u001b\[2K)+/, "")),
      }).catch((thrown: unknown) => {
        if (!options.signal.aborted) throw thrown;
      });
    }),
  );
  return silent;
}
