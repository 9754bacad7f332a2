import { NovaError, quote } from "../../model/errors.ts";
import { findWorker, forgetWorker, readWorker, removeWorkerDirectory, writeWorker } from "./worker-files.ts";
import { withWorkerLock } from "./worker-lock.ts";
import { workerContainers, type Workers } from "./workers.ts";

/** From SIGTERM to the container's SIGKILL; the supervisor ends its instances within less. */
const STOP_GRACE_MS = 15_000;

/** Stops a worker: its instances end in their order, then its container goes. What it was started with stays, unless it shall be forgotten. */
export async function stopWorker(
  workers: Workers,
  name: string,
  options: { readonly forget: boolean; readonly removeData: boolean },
): Promise<{ readonly wasRunning: boolean }> {
  const { home, engine, presence } = workers;
  await findWorker(home, name);
  return await withWorkerLock(home, presence, name, async () => {
    const worker = await readWorker(home, name);
    if (!worker) throw new NovaError("WORKER_NOT_FOUND", `The worker ${quote(name)} was forgotten meanwhile.`);
    let wasRunning = false;
    for (const { id, running } of await workerContainers(workers, name)) {
      wasRunning ||= running;
      await engine.stop(id, STOP_GRACE_MS);
      await engine.remove(id);
    }
    if (options.removeData) await removeWorkerDirectory(home, name, "data");
    if (options.forget) await forgetWorker(home, name);
    else await writeWorker(home, { ...worker, state: "stopped" });
    return { wasRunning };
  });
}
