import type { Home } from "../../agents/home/home.ts";
import type { Engine } from "../../engine/engine.ts";
import { labels } from "../../engine/spec.ts";
import { readWorker, workerNames } from "../workers/worker-files.ts";
import { workerContainers } from "../workers/workers.ts";
import { failure, type Check } from "./check.ts";

/** Whether each worker of the home does what was asked of it. Its doors are tried by `novabot worker list`. */
export async function checkWorkers(home: Home, engine: Engine): Promise<Check[]> {
  try {
    const containers = await workerContainers({ engine, home });
    return await Promise.all(
      (await workerNames(home)).map(async (worker): Promise<Check> => {
        const name = `worker ${worker}`;
        try {
          const kept = await readWorker(home, worker);
          const runs = containers.some((container) => container.running && container.labels[labels.worker] === worker);
          if (!kept || kept.state === "stopped") return { name, status: "ok", detail: "stopped" };
          if (kept.state === "up" && runs) return { name, status: "ok", detail: `runs, image ${kept.settings.image}` };
          const next = `Start it: novabot worker start ${worker}`;
          if (kept.state === "up") return { name, status: "warn", detail: "should run, and does not", next };
          return { name, status: "warn", detail: "a start of it is going on, or died", next };
        } catch (thrown) {
          return failure(name, thrown);
        }
      }),
    );
  } catch (thrown) {
    return [failure("workers", thrown)];
  }
}
