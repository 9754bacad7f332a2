import type { Capabilities, EngineInfo, ImageInfo } from "../engine/engine.ts";
import { labels, type ContainerSpec, type Mount } from "../engine/spec.ts";
import { INIT_LABEL, INIT_OWN } from "../model/markers.ts";
import { DOOR_PORT, type KeptWorker } from "./worker.ts";

/** Where a worker's directories are in its container. */
export const APP_TARGET = "/workspace/app";
export const DATA_TARGET = "/workspace/data";
export const KEY_TARGET = "/workspace/key";

/** How the host gets to a worker's door: at the container's own address, at a port of loopback, by entering its network, or not at all. */
export type Reach = "address" | "published" | "inside" | "none";

export interface WorkerPlan {
  readonly container: ContainerSpec;
  readonly reach: Reach;
  /** What this engine cannot hold, as sentences. */
  readonly gaps: readonly string[];
}

export interface WorkerContext {
  /** The label of the home's containers. */
  readonly homeLabel: string;
  /** On the host: the worker's own directories, and the one that holds its token. */
  readonly directories: { readonly app: string; readonly data: string; readonly key: string };
  readonly user: { readonly uid: number; readonly gid: number };
  readonly image: Pick<ImageInfo, "id" | "labels">;
  readonly engine: EngineInfo;
  readonly capabilities: Capabilities;
  readonly timeZone: string;
  readonly mayEnter: boolean;
}

/** The name of a worker's container; the home's label makes it the only one of an engine. */
export function workerContainerName(homeLabel: string, name: string): string {
  return `novabot-worker-${name}-${homeLabel.slice(0, 8)}`;
}

/** `mayEnter`: this process may enter the networks of this kernel. */
export function reachOf(
  network: "open" | "none",
  engine: Pick<EngineInfo, "sharesKernel" | "rootless">,
  mayEnter: boolean,
): Reach {
  if (network === "none") return mayEnter && engine.sharesKernel ? "inside" : "none";
  return engine.sharesKernel && !engine.rootless ? "address" : "published";
}

/** Decides a worker's container. Pure: `published` of the worker has been chosen where it is needed. */
export function planWorker(worker: KeptWorker, context: WorkerContext): WorkerPlan {
  const { settings, name } = worker;
  const { directories, engine, capabilities, image } = context;
  const reach = reachOf(settings.network, engine, context.mayEnter);
  const container = workerContainerName(context.homeLabel, name);
  const mounts: Mount[] = [
    { source: directories.app, target: APP_TARGET, readonly: false },
    { source: directories.data, target: DATA_TARGET, readonly: false },
    { source: directories.key, target: KEY_TARGET, readonly: true },
  ];
  const ports =
    reach === "published" && worker.published
      ? [
          { container: DOOR_PORT, host: worker.published.door },
          ...(worker.published.app === null || settings.port === null
            ? []
            : [{ container: settings.port, host: worker.published.app }]),
        ]
      : [];
  return {
    reach,
    gaps: gapsOf(reach, capabilities, engine),
    container: {
      name: container,
      // By its id: the name may be given to another image meanwhile.
      image: image.id,
      labels: { [labels.home]: context.homeLabel, [labels.kind]: "worker", [labels.worker]: name },
      command: supervisorArguments(settings),
      user: context.user,
      workingDirectory: APP_TARGET,
      env: {
        TZ: context.timeZone,
        ...settings.env,
        NOVABOT_WORKER: name,
        NOVABOT_CONTAINER: container,
        NOVABOT_WORKER_TOKEN_FILE: `${KEY_TARGET}/token`,
      },
      ownInit: image.labels[INIT_LABEL] === INIT_OWN,
      mounts,
      network: settings.network === "none" ? "none" : "default",
      ...(ports.length ? { ports } : {}),
      limits: {
        memoryBytes: settings.memoryBytes,
        memorySwapBytes: settings.memoryBytes,
        cpus: settings.cpus,
        pids: settings.pids,
      },
      stdin: false,
      autoRemove: false,
      restart: "unless-stopped",
    },
  };
}

/** What the image's entrypoint passes on to the supervisor. */
function supervisorArguments({ argv, instance, port }: KeptWorker["settings"]): string[] {
  if (argv.length === 0) return [];
  return ["--instance-id", instance, ...(port === null ? [] : ["--port", String(port)]), "--", ...argv];
}

function gapsOf(reach: Reach, capabilities: Capabilities, engine: EngineInfo): string[] {
  const gaps: string[] = [];
  if (!capabilities.restarts)
    gaps.push("This engine does not start a container again that ended; `novabot worker start NAME` does.");
  if (!capabilities.pidsLimit) gaps.push("The limit on processes does not hold on this engine.");
  if (!capabilities.swapLimit) gaps.push("The limit on swap does not hold on this engine.");
  if (engine.rootless) gaps.push("The engine runs without root: limits hold as far as the user's own cgroup lets them.");
  if (reach === "none")
    gaps.push("Without a network nothing reaches its door: no terminal, logs and errors from here; `novabot worker exec` works.");
  return gaps;
}
