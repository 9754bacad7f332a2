import type { Home } from "../../agents/home/home.ts";
import type { Presence } from "../../agents/turns/presence.ts";
import type { Engine } from "../../engine/engine.ts";
import { labels } from "../../engine/spec.ts";
import { instanceIDPattern } from "../../model/instance.ts";
import { readWorker } from "./worker-files.ts";
import { ifWorkerFree } from "./worker-lock.ts";
import { workerContainers } from "./workers.ts";

/**
 * Removes the containers of workers that the home does not keep, and of starts that died before their worker was up; one that was started, or
 * is being started, is left alone. Gives their names.
 */
export async function removeAbandonedWorkers(engine: Engine, home: Home, presence: Presence): Promise<string[]> {
  const removed: string[] = [];
  for (const { id, name, labels: found } of await workerContainers({ engine, home })) {
    const worker = found[labels.worker] ?? "";
    if (!instanceIDPattern.test(worker)) {
      await engine.remove(id);
      removed.push(name);
      continue;
    }
    const gone = await ifWorkerFree(home, presence, worker, async () => {
      const kept = await readWorker(home, worker);
      if (kept?.state === "up") return false;
      await engine.remove(id);
      return true;
    });
    if (gone) removed.push(name);
  }
  return removed;
}
