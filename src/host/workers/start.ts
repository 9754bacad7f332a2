import type { Home } from "../../agents/home/home.ts";
import type { Attachment, ImageInfo } from "../../engine/engine.ts";
import { labels } from "../../engine/spec.ts";
import { NovaError, quote } from "../../model/errors.ts";
import type { InstanceStatus } from "../../model/instance.ts";
import { type Reach, reachOf, type WorkerPlan } from "../../workers/plan.ts";
import { checkSettings, checkWorkerName, type KeptWorker, type WorkerSettings } from "../../workers/worker.ts";
import { comeUp, listen } from "./come-up.ts";
import { freePort, workerAddress } from "./reach.ts";
import {
  forgetWorker,
  newToken,
  prepareWorker,
  readWorker,
  removeWorkerDirectory,
  workerDirectories,
  workerNames,
  writeWorker,
} from "./worker-files.ts";
import { withWorkerLock } from "./worker-lock.ts";
import { planOf, workerContainers, workerImage, type Workers } from "./workers.ts";

export interface StartOptions {
  /** What is given; the rest is as it was, or as new workers have it. */
  readonly settings: Partial<WorkerSettings>;
  readonly timeoutMs?: number;
  /** It is up when its supervisor is: a program that falls is started again by that, and takes the worker with it no more. */
  readonly mayFall?: boolean;
  readonly signal?: AbortSignal;
}

export interface StartedWorker {
  readonly worker: KeptWorker;
  readonly container: string;
  readonly reach: Reach;
  /** Where its program's port is reached, as `HOST:PORT`; null without one. */
  readonly app: string | null;
  readonly instances: readonly InstanceStatus[];
  readonly gaps: readonly string[];
  readonly directories: { readonly app: string; readonly data: string };
}

const COME_UP_MS = 60_000;
const NEW_MEMORY_BYTES = 2 ** 30;
const NEW_CPUS = 2;
const NEW_PIDS = 512;

/** What a start would make, without making anything. Rejects as the start would, as far as that can be told before it. */
export async function explainWorker(
  workers: Workers,
  name: string,
  settings: Partial<WorkerSettings>,
): Promise<{ readonly worker: KeptWorker; readonly image: ImageInfo; readonly plan: WorkerPlan }> {
  const { home } = workers;
  await checkNameIsFree(home, name);
  const worker = await describe(workers, name, await readWorker(home, name), settings);
  const image = await imageOf(workers, worker);
  return { worker, image, plan: planOf(worker, image, workers) };
}

/** Starts a worker, or one that is stopped again. All or nothing: of one that does not come up nothing is left that this start made. */
export async function startWorker(workers: Workers, name: string, options: StartOptions): Promise<StartedWorker> {
  const { home, presence } = workers;
  checkWorkerName(name);
  return await withWorkerLock(home, presence, name, async () => {
    await checkNameIsFree(home, name);
    const before = await readWorker(home, name);
    const containers = await workerContainers(workers, name);
    if (before?.state === "up" && containers.some((container) => container.running))
      throw new NovaError("WORKER_EXISTS", `The worker ${quote(name)} runs already.`);
    // Left by a start that was killed, or by a container that ended for good.
    for (const { id } of containers) await workers.engine.remove(id);
    return await startFresh(workers, await describe(workers, name, before, options.settings), before, options);
  });
}

async function describe(
  { env, info, mayEnter }: Workers,
  name: string,
  before: KeptWorker | undefined,
  given: Partial<WorkerSettings>,
): Promise<KeptWorker> {
  const settings: WorkerSettings = {
    image: workerImage(env),
    argv: [],
    instance: "app",
    port: null,
    env: {},
    network: "open",
    memoryBytes: info.memoryBytes > 0 ? Math.min(NEW_MEMORY_BYTES, info.memoryBytes) : NEW_MEMORY_BYTES,
    cpus: Math.min(NEW_CPUS, info.cpus || NEW_CPUS),
    pids: NEW_PIDS,
    ...before?.settings,
    ...given,
  };
  checkSettings(settings, { cpus: info.cpus || Infinity, memoryBytes: info.memoryBytes });
  const published =
    reachOf(settings.network, info, mayEnter) === "published"
      ? {
          door: await freePort(before?.published?.door),
          app: settings.port === null ? null : await freePort(before?.published?.app ?? settings.port),
        }
      : null;
  return { name, token: before?.token ?? newToken(), settings, state: "starting", published, startedAtMs: Date.now() };
}

async function checkNameIsFree(home: Home, name: string): Promise<void> {
  checkWorkerName(name);
  const other = (await workerNames(home)).find((one) => one !== name && one.toLowerCase() === name.toLowerCase());
  if (other === undefined) return;
  throw new NovaError("WORKER_EXISTS", `The worker ${quote(other)} has this name in other letters.`, {
    place: "NAME",
    next: "Choose another name: some file systems do not tell them apart.",
  });
}

async function imageOf({ engine }: Workers, worker: KeptWorker): Promise<ImageInfo> {
  const image = await engine.findImage(worker.settings.image);
  if (!image)
    throw new NovaError("IMAGE_NOT_FOUND", `The image ${quote(worker.settings.image)} is not there.`, {
      place: "--image",
      next: "Build NovaBot's own with `novabot image build worker`, or name one that the engine has.",
    });
  if (image.labels[labels.worker] === undefined)
    throw new NovaError("WORKER_INVALID", `The image ${quote(worker.settings.image)} has no supervisor in it.`, {
      place: "--image",
      next: "Build it on NovaBot's own (`FROM novabot-worker:latest`), whose label `novabot.worker` tells that it has.",
    });
  return image;
}

async function startFresh(
  workers: Workers,
  worker: KeptWorker,
  before: KeptWorker | undefined,
  { timeoutMs = COME_UP_MS, mayFall = false, signal = new AbortController().signal }: StartOptions,
): Promise<StartedWorker> {
  const { home, engine, user } = workers;
  const image = await imageOf(workers, worker);
  const { container, reach, gaps } = planOf(worker, image, workers);
  await writeWorker(home, worker);
  const made = { app: false, data: false };
  let id: string | undefined;
  let streams: Attachment | undefined;
  try {
    Object.assign(made, await prepareWorker(home, worker, user));
    const created = await engine.create(container);
    id = created;
    streams = await engine.attach(created);
    const said = listen(streams);
    await engine.start(created);
    const address = reach === "none" ? null : () => workerAddress(workers, worker, created);
    const instances = await comeUp(worker, { address, said, timeoutMs, mayFall, signal });
    const up: KeptWorker = { ...worker, state: "up" };
    await writeWorker(home, up);
    const { app, data } = workerDirectories(home, worker.name);
    const host = reach === "address" ? (await workerAddress(workers, worker, created)).host : "127.0.0.1";
    const port = reach === "published" ? (worker.published?.app ?? null) : worker.settings.port;
    return {
      worker: up,
      container: container.name,
      reach,
      app: port === null || reach === "none" || reach === "inside" ? null : `${host}:${port}`,
      instances,
      gaps,
      directories: { app, data },
    };
  } catch (thrown) {
    await undo(workers, worker, before, made, id);
    throw thrown;
  } finally {
    streams?.close();
  }
}

/** Takes away what a start made that failed. An engine that went away keeps the record: whoever looks next finds the container by it. */
async function undo(
  { home, engine }: Workers,
  { name }: KeptWorker,
  before: KeptWorker | undefined,
  made: { readonly app: boolean; readonly data: boolean },
  id: string | undefined,
): Promise<void> {
  try {
    if (id !== undefined) await engine.remove(id);
  } catch {
    return;
  }
  if (before) return await writeWorker(home, { ...before, state: "stopped" });
  for (const which of ["app", "data"] as const) if (made[which]) await removeWorkerDirectory(home, name, which);
  await forgetWorker(home, name);
}
