import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import type { Home } from "../agents/home/home.ts";
import type { Engine } from "../engine/engine.ts";
import { findEngine } from "../host/engines/find.ts";
import { readAddress } from "../host/up/address.ts";
import { isUp } from "../host/up/lock.ts";
import { hasCode, messageOf, NovaError, quote } from "../model/errors.ts";
import { given } from "../model/option-values.ts";
import { cancelOnSignals } from "./cancel.ts";
import type { CLIContext } from "./context.ts";
import { visible } from "./output.ts";
import { openChosenHome } from "./session.ts";

interface DownOptions {
  readonly workers?: boolean;
  readonly modules?: boolean;
  readonly all?: boolean;
  readonly now?: boolean;
  readonly json?: boolean;
}

interface Stopped {
  readonly what: "orchestrator" | "worker" | "module";
  readonly name: string;
  readonly result: "stopped" | "was down" | "failed";
  readonly note: string | null;
}

const LOOK_AGAIN_MS = 50;
/** Answers have twenty seconds, their containers fifteen more, and a busy engine some. */
const MOST_MS = 90_000;
/** A second signal that comes too soon after the first counts as the same. */
const SECOND_SIGNAL_MS = 700;

export function addDownCommand(program: Command, context: CLIContext): void {
  program
    .command("down")
    .description("Stop the home's `novabot up`, in order. Workers and modules run on unless they are named.")
    .option("--workers", "stop the workers, too; what they are started with stays")
    .option("--modules", "stop the modules, too; their data stays")
    .option("--all", "both")
    .option("--now", "do not wait for answers that are being made; they are made again at the next start")
    .option("--json", "print JSON")
    .action(async (options: DownOptions, command: Command) => {
      const home = await openChosenHome(command, context, false);
      const stopped: Stopped[] = [await stopUp(home, options.now === true)];
      const tell = (): void => stopped.map(told).forEach((line) => context.print(visible(line)));
      if (options.all || options.workers || options.modules) {
        const cancelling = cancelOnSignals(context);
        try {
          const engine = await findEngine(context.env);
          if (options.all || options.workers) stopped.push(...(await stopWorkers(home, engine, context)));
          if (options.all || options.modules) stopped.push(...(await stopModules(home, engine, context, cancelling.signal)));
        } catch (error) {
          // What is stopped stays so, whatever kept the rest from it; JSON is one document, whose error says it.
          if (options.json) throw withStopped(error, stopped);
          tell();
          throw error;
        } finally {
          cancelling.end();
        }
      }
      if (options.json) context.printJSON({ stopped });
      else tell();
      if (stopped.some(({ result }) => result === "failed")) context.setExitCode(1);
    });
}

function withStopped(error: unknown, stopped: readonly Stopped[]): unknown {
  if (!(error instanceof NovaError)) return error;
  const { code, message, place, next, facts } = error;
  return new NovaError(code, message, { ...given({ place }), next, facts: { ...facts, stopped }, cause: error });
}

function told({ what, name, result, note }: Stopped): string {
  const subject = what === "orchestrator" ? name : `${what} ${name}`;
  return `${subject}  ${result}${note === null ? "" : `: ${note}`}`;
}

/** Ends the home's orchestrator and waits until it has let the home go. */
async function stopUp(home: Home, now: boolean): Promise<Stopped> {
  const about = { what: "orchestrator", name: home.root } as const;
  if (!isUp(home)) return { ...about, result: "was down", note: null };
  const address = await readAddress(home);
  if (!address) {
    throw new NovaError("HOME_BUSY", `The home ${quote(home.root, 400)} is just being started or stopped.`, {
      place: home.root,
      next: "Try again in a moment.",
    });
  }
  if (address.host !== hostname()) {
    throw new NovaError("NOT_SUPPORTED", `The home ${quote(home.root, 400)} is up on another machine, ${address.host}.`, {
      place: home.root,
      next: "Call `novabot down` there.",
    });
  }
  signal(address.pid);
  if (now) {
    await gone(home, SECOND_SIGNAL_MS);
    if (isUp(home)) signal(address.pid);
  }
  if (await gone(home, MOST_MS)) return { ...about, result: "stopped", note: null };
  const note = `process ${address.pid} does not end; what it says is told where it was started`;
  return { ...about, result: "failed", note };
}

function signal(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch (error) {
    if (hasCode(error, "ESRCH")) return;
    throw new NovaError("SERVICE_FAILED", `Process ${pid} cannot be told to end: ${messageOf(error)}.`, {
      next: "Call as the user who started `novabot up`.",
      cause: error,
    });
  }
}

async function gone(home: Home, withinMs: number): Promise<boolean> {
  for (const until = performance.now() + withinMs; performance.now() < until; await delay(LOOK_AGAIN_MS))
    if (!isUp(home)) return true;
  return !isUp(home);
}

async function stopWorkers(home: Home, engine: Engine, { env }: CLIContext): Promise<Stopped[]> {
  const { withWorkers } = await import("../host/workers/workers.ts");
  const { stopWorker } = await import("../host/workers/stop.ts");
  const { workerNames } = await import("../host/workers/worker-files.ts");
  const names = await workerNames(home);
  return await withWorkers({ home, engine, env }, async (workers) =>
    Promise.all(
      names.map(async (name): Promise<Stopped> => {
        try {
          const { wasRunning } = await stopWorker(workers, name, { forget: false, removeData: false });
          return { what: "worker", name, result: wasRunning ? "stopped" : "was down", note: null };
        } catch (error) {
          return { what: "worker", name, result: "failed", note: messageOf(error) };
        }
      }),
    ),
  );
}

async function stopModules(home: Home, engine: Engine, { env }: CLIContext, ended: AbortSignal): Promise<Stopped[]> {
  const { openModules } = await import("../host/modules/modules.ts");
  const { down } = await import("../host/modules/change.ts");
  let modules;
  try {
    modules = await openModules({ home, engine, env, say: () => undefined });
  } catch (error) {
    // A home without modules has none to stop.
    if (error instanceof NovaError && error.code === "CONTRACT_NOT_FOUND") return [];
    throw error;
  }
  return (await down(modules, [], undefined, ended)).map(({ module, result, error }): Stopped => {
    const became = result === "down" ? "stopped" : result === "was down" ? "was down" : "failed";
    return { what: "module", name: module, result: became, note: error?.message ?? null };
  });
}
