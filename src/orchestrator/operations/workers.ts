import { NovaError, quote } from "../../model/errors.ts";
import type { WorkerView } from "../../model/kept.ts";
import { viewed } from "./instances.ts";
import type { Carried, World } from "./world.ts";

export function workerCalls(
  world: World,
): Carried<"workers.list" | "workers.get" | "workers.health" | "terminals.list" | "terminals.ticket"> {
  const { store, links, tickets } = world;
  return {
    "workers.list": async () => ({ workers: await workersOf(world) }),
    "workers.get": async ({ workerName }) => {
      const worker = await findWorker(world, workerName);
      const processes = await store.processes({ workers: [workerName] });
      return { worker, processes: processes.map((process) => viewed(world, process)) };
    },
    "workers.health": async ({ workerName }) => ({ health: await links.askHealth(workerName) }),
    "terminals.list": async (query) => await store.terminals(query),
    "terminals.ticket": async ({ workerName, readonly, record }, { caller, about }) => {
      about({ worker: workerName, facts: { readonly: readonly ?? false, record: record ?? false } });
      const { container } = await findWorker(world, workerName);
      about({ container });
      return await tickets.issue({ worker: workerName, caller, readonly: readonly ?? false, record: record ?? false });
    },
  };
}

/** All workers, with their links' states as of now. */
export async function workersOf({ store, links }: Pick<World, "store" | "links">): Promise<readonly WorkerView[]> {
  const kept = await store.workers();
  return kept.map((worker) => {
    const { state, container, why } = links.state(worker.worker) ?? worker;
    return { ...worker, state, container, why, health: links.health(worker.worker) };
  });
}

async function findWorker(world: World, name: string): Promise<WorkerView> {
  const found = (await workersOf(world)).find(({ worker }) => worker === name);
  if (found) return found;
  throw new NovaError("WORKER_NOT_FOUND", `there is no worker ${quote(name)}`, { place: "workerName" });
}
