import type { Engine } from "../../engine/engine.ts";
import { labels } from "../../engine/spec.ts";
import { messageOf } from "../../model/errors.ts";
import { instanceIDPattern } from "../../model/instance.ts";
import type { FoundWorker } from "../../orchestrator/ports.ts";
import { reachOf } from "../../workers/plan.ts";
import type { KeptWorker } from "../../workers/worker.ts";
import { readWorker, workerNames } from "../workers/worker-files.ts";
import { workerContainers, type Workers } from "../workers/workers.ts";

/** A worker as the home keeps it and the engine has it. */
export interface Found extends FoundWorker {
  readonly id: string | null;
  /** Null where the home keeps nothing of it, or what cannot be read: then nobody is let in. */
  readonly kept: KeptWorker | null;
}

/** Which start of each container was seen last: its first process, by the container's id. */
export type Starts = Map<string, string>;

/**
 * Every worker that the home keeps or the engine has a container of. Containers that `starts` does not know are inspected, since the list of an engine
 * tells one start of a container from the next no more than its name does. Rejects with ENGINE_LOST where the engine does not answer.
 */
export async function lookForWorkers(
  workers: Pick<Workers, "home" | "engine" | "info" | "mayEnter">,
  starts: Starts,
): Promise<Found[]> {
  const { home, engine } = workers;
  const containers = await workerContainers(workers);
  const byName = Map.groupBy(containers, (container) => container.labels[labels.worker] ?? "");
  const names = new Set([...(await workerNames(home)), ...byName.keys()]);
  for (const id of starts.keys()) if (!containers.some((one) => one.id === id && one.running)) starts.delete(id);
  return await Promise.all(
    [...names]
      .filter((name) => instanceIDPattern.test(name))
      .toSorted()
      .map(async (name): Promise<Found> => {
        const own = byName.get(name) ?? [];
        const container = own.find(({ running }) => running) ?? own[0];
        const kept = await readKept(home, name);
        const worker = kept instanceof Error || kept === undefined ? null : kept;
        const start = container?.running ? await startOf(engine, container.id, starts) : "";
        return {
          worker: name,
          id: container?.id ?? null,
          kept: worker,
          container: container?.name ?? null,
          running: container?.running ?? false,
          image: worker?.settings.image ?? null,
          engine: engine.name,
          trouble: troubleOf(workers, kept, container?.running),
          incarnation: container ? `${container.id} ${start}` : "",
        };
      }),
  );
}

async function readKept(home: Workers["home"], name: string): Promise<KeptWorker | Error | undefined> {
  try {
    return await readWorker(home, name);
  } catch (error) {
    return new Error(messageOf(error), { cause: error });
  }
}

async function startOf(engine: Engine, id: string, starts: Starts): Promise<string> {
  const known = starts.get(id);
  if (known !== undefined) return known;
  const info = await engine.inspect(id);
  const start = String(info?.pid ?? "");
  if (info?.running) starts.set(id, start);
  return start;
}

function troubleOf(
  { info, mayEnter }: Pick<Workers, "info" | "mayEnter">,
  kept: KeptWorker | Error | undefined,
  running: boolean | undefined,
): string | null {
  if (kept instanceof Error) return kept.message;
  if (kept === undefined) return "the home keeps nothing of it, so that nothing opens its door";
  if (kept.state === "stopped" && !running) return "it was stopped";
  if (running === undefined) return kept.state === "starting" ? "it is being started" : "its container is gone";
  if (!running) return "its container does not run";
  const reach = reachOf(kept.settings.network, info, mayEnter);
  if (reach === "none") return "it has no network, so that nothing reaches its door";
  if (reach === "published" && kept.published === null)
    return "no port of this machine leads to it: it was started on another engine";
  return null;
}
