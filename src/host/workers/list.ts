import { labels } from "../../engine/spec.ts";
import { messageOf, NovaError } from "../../model/errors.ts";
import type { InstanceStatus } from "../../model/instance.ts";
import { reachOf } from "../../workers/plan.ts";
import type { KeptWorker } from "../../workers/worker.ts";
import { askHealth, type DoorHealth, withLink, workerAddress } from "./reach.ts";
import { readWorker, workerNames } from "./worker-files.ts";
import { workerContainers, type Workers } from "./workers.ts";

export interface WorkerView {
  readonly name: string;
  /** Null where what is kept of it cannot be read. */
  readonly worker: KeptWorker | null;
  /** `down`: it should run and does not; `starting`: nobody has seen it come up. */
  readonly state: "running" | "stopped" | "down" | "starting" | "unreadable";
  readonly container: string | null;
  /** `HOST:PORT` of its door; null where no address leads there. */
  readonly door: string | null;
  readonly instances: readonly InstanceStatus[];
  /** Null where it was not asked: it does not run, or cannot be reached. */
  readonly health: { readonly terminal: DoorHealth; readonly websocket: DoorHealth } | null;
  /** Why something is not known. */
  readonly trouble: string | null;
}

const ASK_MS = 10_000;

/** Every worker of the home, as it is now; each running one is asked. */
export async function listWorkers(workers: Workers): Promise<WorkerView[]> {
  const [names, containers] = await Promise.all([workerNames(workers.home), workerContainers(workers)]);
  const views = await Promise.all(
    names.map(async (name) => {
      const own = containers.filter((container) => container.labels[labels.worker] === name);
      const container = own.find(({ running }) => running) ?? own[0];
      let worker: KeptWorker | undefined;
      try {
        worker = await readWorker(workers.home, name);
      } catch (error) {
        return unreadable(name, container?.name ?? null, error);
      }
      return worker ? await look(workers, worker, container) : undefined;
    }),
  );
  return views.filter((view) => view !== undefined);
}

/** One bad record is no reason to say nothing of the others. */
function unreadable(name: string, container: string | null, error: unknown): WorkerView {
  const mend = error instanceof NovaError ? ` It is in ${error.place ?? "the home"}. ${error.next}` : "";
  const trouble = messageOf(error) + mend;
  return { name, worker: null, state: "unreadable", container, door: null, instances: [], health: null, trouble };
}

async function look(
  workers: Workers,
  worker: KeptWorker,
  container: { readonly id: string; readonly name: string; readonly running: boolean } | undefined,
): Promise<WorkerView> {
  const base = {
    name: worker.name,
    worker,
    container: container?.name ?? null,
    door: null,
    instances: [],
    health: null,
    trouble: null,
  };
  if (!container?.running) return { ...base, state: worker.state === "up" ? "down" : worker.state };
  const state = worker.state === "starting" ? "starting" : "running";
  if (reachOf(worker.settings.network, workers.info, workers.mayEnter) === "none")
    return { ...base, state, trouble: "it has no network, so that nothing reaches its door" };
  try {
    const address = await workerAddress(workers, worker, container.id);
    const ask = async (): Promise<readonly InstanceStatus[]> =>
      await withLink(
        async () => address,
        async (link) => (await link.call("process.list", {}, { timeoutMs: ASK_MS })).instances,
      );
    const [terminal, websocket, instances] = await Promise.all([
      askHealth(address, "terminal"),
      askHealth(address, "websocket"),
      ask().catch((error: unknown) => messageOf(error)),
    ]);
    return {
      ...base,
      state,
      door: address.connect ? null : `${address.host}:${address.port}`,
      instances: typeof instances === "string" ? [] : instances,
      health: { terminal, websocket },
      trouble: typeof instances === "string" ? instances : null,
    };
  } catch (error) {
    return { ...base, state, trouble: messageOf(error) };
  }
}
