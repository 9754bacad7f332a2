/** What an engine says of a container that anybody may have made, in no engine's words. Values that may be secret are in `env` alone. */
export interface ContainerDescription {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The engine's word: `created`, `running`, `paused`, `restarting`, `exited`, … */
  readonly status: string;
  readonly running: boolean;
  readonly createdAtMs: number;
  /** Null when it never started. */
  readonly startedAtMs: number | null;
  readonly restarts: number;
  readonly exitCode: number | null;
  /** The image's id, and the name that it was made from. */
  readonly imageID: string;
  readonly image: string;
  /** As configured: empty is the image's. */
  readonly user: string;
  readonly groups: readonly string[];
  readonly command: readonly string[];
  readonly entrypoint: readonly string[];
  /** `NAME=value` with the image's. */
  readonly env: readonly string[];
  readonly restartPolicy: string;
  readonly privileged: boolean;
  readonly capabilitiesAdded: readonly string[];
  readonly capabilitiesDropped: readonly string[];
  readonly securityOptions: readonly string[];
  readonly devices: readonly string[];
  readonly readonlyRoot: boolean;
  readonly init: boolean;
  readonly memoryBytes: number | null;
  readonly cpus: number | null;
  readonly pidsLimit: number | null;
  /** `host`, `container:…`, or empty for one of its own. */
  readonly namespaces: {
    readonly pid: string;
    readonly ipc: string;
    readonly uts: string;
    readonly network: string;
    readonly user: string;
    readonly cgroup: string;
  };
  readonly mounts: readonly {
    readonly kind: string;
    readonly source: string;
    readonly target: string;
    readonly readonly: boolean;
  }[];
  readonly networks: Readonly<Record<string, { readonly address: string; readonly aliases: readonly string[] }>>;
  readonly ports: readonly {
    readonly container: number;
    readonly protocol: string;
    readonly hostAddress: string;
    readonly host: number;
  }[];
  readonly health: {
    readonly status: "starting" | "healthy" | "unhealthy";
    readonly log: readonly { readonly exitCode: number; readonly output: string; readonly endedAtMs: number }[];
  } | null;
  readonly healthcheck: readonly string[] | null;
  /** On this machine's own process table; null when it does not run or the engine is elsewhere. */
  readonly pid: number | null;
}

/** What an image says of itself. */
export interface ImageDescription {
  readonly id: string;
  readonly tags: readonly string[];
  readonly user: string;
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[] | null;
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  /** The commands that made its layers, newest first. */
  readonly history: readonly string[];
}

export interface NetworkDescription {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly internal: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * What checks and modules need beyond running containers. An engine without it is one whose `observation` is undefined. The errors are those of
 * the engine's other methods; what is missing is undefined.
 */
export interface Observation {
  describe(id: string): Promise<ContainerDescription | undefined>;
  describeImage(reference: string): Promise<ImageDescription | undefined>;
  /** Gives the image another name, `repository:tag`, which another image then has no longer. */
  tagImage(reference: string, name: string): Promise<void>;
  /** Process ids on the engine's machine of every process of a running container. */
  processes(id: string): Promise<readonly number[]>;
  findNetwork(name: string): Promise<NetworkDescription | undefined>;
  createNetwork(name: string, labels: Readonly<Record<string, string>>): Promise<NetworkDescription>;
  removeNetwork(name: string): Promise<void>;
}
