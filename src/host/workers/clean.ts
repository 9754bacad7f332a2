import type { Home } from "../../agents/home/home.ts";
import type { Presence } from "../../agents/turns/presence.ts";
import type { ContainerSummary, Engine } from "../../engine/engine.ts";
import { labels } from "../../engine/spec.ts";
import { instanceIDPattern } from "../../model/instance.ts";
import { readWorker, workerNames, writeWorker } from "./worker-files.ts";
import { ifWorkerFree } from "./worker-lock.ts";
import { workerContainers } from "./workers.ts";

/**
 * Removes the containers of workers that the home does not keep, of starts that died before their worker was up, and of workers that were
 * stopped; one that was started, or is being started, is left alone. A worker whose start died counts as stopped then. Gives the containers' names.
 */
export async function removeAbandonedWorkers(engine: Engine, home: Home, presence: Presence): Promise<string[]> {
  const containers = await workerContainers({ engine, home });
  const removed: string[] = [];
  const remove = async (found: readonly ContainerSummary[]): Promise<void> => {
    for (const { id, name } of found) {
      await engine.remove(id);
      removed.push(name);
    }
  };
  const byName = Map.groupBy(containers, (container) => container.labels[labels.worker] ?? "");
  for (const worker of new Set([...byName.keys(), ...(await workerNames(home))])) {
    const found = byName.get(worker) ?? [];
    if (!instanceIDPattern.test(worker)) {
      await remove(found);
      continue;
    }
    await ifWorkerFree(home, presence, worker, async () => {
      // What cannot be read is told by the commands of workers; nobody's run shall fail over it.
      const kept = await readWorker(home, worker).catch(() => "unreadable" as const);
      if (kept === "unreadable") return;
      if (kept?.state === "up") return;
      await remove(found);
      if (kept?.state === "starting") await writeWorker(home, { ...kept, state: "stopped" });
    });
  }
  return removed;
}
