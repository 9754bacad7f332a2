import type { ContainerSpec, Mount, PublishedPort } from "../spec.ts";

/** The part of a create request that every engine with this API takes alike. */
export interface CreateRequest {
  readonly Image: string;
  readonly Cmd?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly User: string;
  readonly WorkingDir: string;
  readonly Env: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly Tty: false;
  readonly OpenStdin: boolean;
  readonly StdinOnce: boolean;
  readonly AttachStdin: boolean;
  readonly AttachStdout: true;
  readonly AttachStderr: true;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly HostConfig: HostConfig;
}

export interface HostConfig {
  readonly AutoRemove: boolean;
  readonly Init: boolean;
  readonly CapDrop: readonly string[];
  readonly SecurityOpt: readonly string[];
  readonly Memory: number;
  readonly MemorySwap: number;
  readonly NanoCpus: number;
  readonly PidsLimit: number;
  readonly NetworkMode: string;
  readonly IpcMode: "private";
  readonly LogConfig: { readonly Type: "none" };
  readonly Mounts: readonly BindMount[];
  readonly Ulimits?: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
  readonly UsernsMode?: string;
  readonly PortBindings?: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[]>>;
  readonly RestartPolicy?: { readonly Name: "unless-stopped" };
}

export interface BindMount {
  readonly Type: "bind";
  readonly Source: string;
  readonly Target: string;
  readonly ReadOnly: boolean;
  readonly BindOptions: { readonly Propagation: "rprivate"; readonly NonRecursive?: true };
}

/** `spec` in the API's words, hardened: nothing here can be left out by a caller. */
export function createRequest(spec: ContainerSpec): CreateRequest {
  return {
    Image: spec.image,
    ...(spec.command === undefined ? {} : { Cmd: spec.command }),
    ...(spec.entrypoint === undefined ? {} : { Entrypoint: spec.entrypoint }),
    User: `${spec.user.uid}:${spec.user.gid}`,
    WorkingDir: spec.workingDirectory,
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    Labels: spec.labels,
    Tty: false,
    OpenStdin: spec.stdin,
    // The end of the attached input is the end of the container's.
    StdinOnce: spec.stdin,
    AttachStdin: spec.stdin,
    AttachStdout: true,
    AttachStderr: true,
    ...(spec.ports?.length
      ? { ExposedPorts: Object.fromEntries(spec.ports.map(({ container }) => [`${container}/tcp`, {}])) }
      : {}),
    HostConfig: {
      AutoRemove: spec.autoRemove,
      Init: spec.ownInit !== true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      Memory: spec.limits.memoryBytes,
      MemorySwap: spec.limits.memorySwapBytes,
      NanoCpus: Math.round(spec.limits.cpus * 1e9),
      PidsLimit: spec.limits.pids,
      NetworkMode: spec.network,
      IpcMode: "private",
      // The streams are read by attaching; the engine shall keep no copy of what agents say.
      LogConfig: { Type: "none" },
      Mounts: spec.mounts.map(bindMount),
      ...(spec.ports?.length ? { PortBindings: Object.fromEntries(spec.ports.map(binding)) } : {}),
      ...(spec.restart === undefined ? {} : { RestartPolicy: { Name: spec.restart } }),
    },
  };
}

/** Without an address, the engine would publish the port on every one that the machine has. */
function binding({ container, host }: PublishedPort): [string, { HostIp: string; HostPort: string }[]] {
  return [`${container}/tcp`, [{ HostIp: "127.0.0.1", HostPort: String(host) }]];
}

/** The `Mounts` form, which fails when the source is missing, where `Binds` would make a directory owned by root. */
function bindMount(mount: Mount): BindMount {
  return {
    Type: "bind",
    Source: mount.source,
    Target: mount.target,
    ReadOnly: mount.readonly,
    // Read-only may hold for one file system alone: what is mounted inside the source would stay writable. Docker makes that
    // read-only too from 25 on, and only where kernel and runtime can. So it is left out: then there is nothing inside, on any
    // version, and nothing that `ReadOnlyNonRecursive` or `ReadOnlyForceRecursive` (Docker 25) could choose between.
    BindOptions: mount.readonly ? { Propagation: "rprivate", NonRecursive: true } : { Propagation: "rprivate" },
  };
}
