import { agentUser, type AgentUser, type HostUser } from "../../agents/home/agent-user.ts";
import type { Home } from "../../agents/home/home.ts";
import { Presence } from "../../agents/turns/presence.ts";
import type { ContainerSummary, Engine, EngineInfo, ImageInfo } from "../../engine/engine.ts";
import { labels } from "../../engine/spec.ts";
import { NovaError, quote } from "../../model/errors.ts";
import { planWorker, type WorkerPlan } from "../../workers/plan.ts";
import { DEFAULT_WORKER_IMAGE, type KeptWorker } from "../../workers/worker.ts";
import type { Environment } from "../state.ts";
import { thisHost } from "../this-host.ts";
import { workerDirectories } from "./worker-files.ts";

/** What every change and every look at a home's workers needs. */
export interface Workers {
  readonly home: Home;
  readonly engine: Engine;
  readonly info: EngineInfo;
  readonly env: Environment;
  readonly presence: Presence;
  /** Whom the containers run as. */
  readonly user: AgentUser;
  /** This process may enter the containers' networks. */
  readonly mayEnter: boolean;
}

/** Opens the home's workers on `engine` for as long as `use` takes. */
export async function withWorkers<T>(
  options: { readonly home: Home; readonly engine: Engine; readonly env: Environment; readonly host?: HostUser },
  use: (workers: Workers) => Promise<T>,
): Promise<T> {
  const { home, engine, env, host = thisHost() } = options;
  const info = await engine.probe();
  const presence = await Presence.claim(home);
  try {
    return await use({ home, engine, info, env, presence, user: agentUser(host, info), mayEnter: mayEnter(host) });
  } finally {
    await presence.release();
  }
}

/** Linux alone has networks to be entered, and root alone may. */
export function mayEnter(host: HostUser): boolean {
  return host.platform === "linux" && host.uid === 0;
}

/** The image of workers: `NOVABOT_WORKER_IMAGE`, or NovaBot's own. */
export function workerImage(env: Environment): string {
  return env["NOVABOT_WORKER_IMAGE"] || DEFAULT_WORKER_IMAGE;
}

/** The home's workers' containers, running or not; of one worker when it is named. */
export async function workerContainers(
  { engine, home }: Pick<Workers, "engine" | "home">,
  name?: string,
): Promise<ContainerSummary[]> {
  return await engine.list({
    [labels.home]: home.label,
    [labels.kind]: "worker",
    ...(name === undefined ? {} : { [labels.worker]: name }),
  });
}

/** The container of a worker that runs, or WORKER_FAILED. */
export async function runningContainer(workers: Pick<Workers, "engine" | "home">, worker: KeptWorker): Promise<ContainerSummary> {
  const found = (await workerContainers(workers, worker.name)).find((container) => container.running);
  if (found) return found;
  throw new NovaError("WORKER_FAILED", `The worker ${quote(worker.name)} does not run.`, {
    next: `Start it: \`novabot worker start ${worker.name}\`.`,
  });
}

/** A worker's container as it is made today from what is kept of it. */
export function planOf(
  worker: KeptWorker,
  image: Pick<ImageInfo, "id" | "labels">,
  { home, engine, info, env, user, mayEnter: enter }: Omit<Workers, "presence">,
): WorkerPlan {
  return planWorker(worker, {
    homeLabel: home.label,
    directories: workerDirectories(home, worker.name),
    user: { uid: user.uid, gid: user.gid },
    image,
    engine: info,
    capabilities: engine.capabilities,
    timeZone: env["TZ"] || Intl.DateTimeFormat().resolvedOptions().timeZone,
    mayEnter: enter,
  });
}
