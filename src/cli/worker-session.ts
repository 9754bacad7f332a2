import type { Command } from "commander";
import { findEngine } from "../host/engines/find.ts";
import type { Workers } from "../host/workers/workers.ts";
import type { KeptWorker } from "../workers/worker.ts";
import type { WorkerAddress } from "../workers/link/dial.ts";
import type { CLIContext } from "./context.ts";
import { openChosenHome } from "./session.ts";

// What brings the code of workers is loaded when a command runs: help needs none of it.

/** Opens the chosen home's workers on the engine that answers. */
export async function useWorkers<T>(
  command: Command,
  context: CLIContext,
  use: (workers: Workers) => Promise<T>,
  options: { readonly create: boolean } = { create: false },
): Promise<T> {
  const { withWorkers } = await import("../host/workers/workers.ts");
  const home = await openChosenHome(command, context, options.create);
  return await withWorkers({ home, engine: await findEngine(context.env), env: context.env }, use);
}

/** A worker that runs, and where its door is, asked anew each time. */
export async function openDoor(
  workers: Workers,
  name: string,
): Promise<{ readonly worker: KeptWorker; readonly address: () => Promise<WorkerAddress> }> {
  const { findWorker } = await import("../host/workers/worker-files.ts");
  const { runningContainer } = await import("../host/workers/workers.ts");
  const { workerAddress } = await import("../host/workers/reach.ts");
  const worker = await findWorker(workers.home, name);
  const address = async (): Promise<WorkerAddress> =>
    await workerAddress(workers, worker, (await runningContainer(workers, worker)).id);
  await address();
  return { worker, address };
}
