import { type Command, Option } from "commander";
import pc from "picocolors";
import type { StartedWorker } from "../host/workers/start.ts";
import type { Workers } from "../host/workers/workers.ts";
import { given, parseCount, parseDurationFrom, parseInstance } from "../model/option-values.ts";
import { cancelOnSignals } from "./cancel.ts";
import type { CLIContext } from "./context.ts";
import { visible } from "./output.ts";
import { parseCPUs, parseMemory, parseVariable } from "./worker-options.ts";
import { useWorkers } from "./worker-session.ts";

interface StartOptions {
  readonly image?: string;
  readonly instanceId?: string;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly network?: "open" | "none";
  readonly memory?: number;
  readonly cpus?: number;
  readonly pids?: number;
  readonly timeout?: number;
  readonly explain?: boolean;
  readonly json?: boolean;
}

export function addWorkerStartCommand(worker: Command, context: CLIContext): void {
  worker
    .command("start")
    .description("Start a worker, or one that is stopped again, as it was but for the options given here.")
    .argument("<name>", "1 to 64 letters, digits, hyphens and underscores")
    .argument("[command...]", "after --: the program that its supervisor shall keep running")
    .option("--image <image>", "another image than novabot-worker:latest (NOVABOT_WORKER_IMAGE)")
    .option("--instance-id <id>", "the program's name in the worker (default: app)", parseInstance)
    .option("--port <port>", "the program's port, which it is given as PORT", parseCount(1, 65_535))
    .option("--env <name=value>", "a variable, not for secrets; may be given more than once", parseVariable)
    .addOption(new Option("--network <network>", "none: the worker reaches nothing (default: open)").choices(["open", "none"]))
    .option("--memory <size>", "memory with swap, 128m or more (default: 1g)", parseMemory)
    .option("--cpus <number>", "processors (default: 2)", parseCPUs)
    .option("--pids <count>", "processes and threads (default: 512)", parseCount(16, 1_000_000))
    .option("--timeout <duration>", "how long it may take to come up (default: 1m)", parseDurationFrom("1s", "1d"))
    .option("--explain", "print what its container would get, and start nothing")
    .option("--json", "print JSON")
    .action(async (name: string, argv: readonly string[], options: StartOptions, command: Command) => {
      const { explainWorker, startWorker } = await import("../host/workers/start.ts");
      const { image, port, env, network, cpus, pids } = options;
      const settings = given({
        ...{ image, port, env, network, cpus, pids },
        instance: options.instanceId,
        memoryBytes: options.memory,
        argv: argv.length > 0 ? argv : undefined,
      });
      if (options.explain) {
        const { tellPlan } = await import("./worker-explain.ts");
        const explain = async (workers: Workers): Promise<void> =>
          tellPlan(await explainWorker(workers, name, settings), options.json === true, context);
        return await useWorkers(command, context, explain, { create: true });
      }
      const cancelling = cancelOnSignals(context);
      const start = async (workers: Workers): Promise<void> => {
        const { signal } = cancelling;
        tell(await startWorker(workers, name, { settings, signal, ...given({ timeoutMs: options.timeout }) }), options, context);
      };
      try {
        await useWorkers(command, context, start, { create: true });
      } finally {
        cancelling.end();
      }
    });
}

function tell(started: StartedWorker, options: StartOptions, context: CLIContext): void {
  const { worker, container, instances, app, gaps, directories } = started;
  if (options.json) {
    const { token: _, ...shown } = worker;
    return context.printJSON({ ...shown, container, app, instances, gaps, directories });
  }
  context.print(`${worker.name} runs in ${container}.`);
  for (const { id, state, pid } of instances)
    context.print(`${visible(id)} is ${state}${pid === null ? "" : ` (process ${pid})`}.`);
  if (app !== null) context.print(`Its port is at ${app}.`);
  context.note(pc.dim(`Its own directories are ${directories.app} and ${directories.data}.`));
  for (const gap of gaps) context.note(`${pc.yellow("note")} ${gap}`);
}
