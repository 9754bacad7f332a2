/** What the kernel says of a container, as it was read from `/proc`; ids are the host's, `idMaps` tells what they are in the container. */
export interface KernelFacts {
  /** The container's first process, on the host. */
  readonly init: number;
  readonly processes: readonly ProcessFacts[];
  /** Of the first process's user namespace. */
  readonly idMaps: { readonly users: readonly IdRange[]; readonly groups: readonly IdRange[] };
  /** The namespaces that count as the host's: those of process 1, of NovaBot itself and of the engine's own processes. */
  readonly hostNamespaces: Readonly<Partial<Record<NamespaceKind, readonly string[]>>>;
  /** What the first process sees. */
  readonly mounts: Known<readonly MountEntry[]>;
  /** What processes in mount namespaces of their own see. */
  readonly otherMounts: readonly { readonly pid: number; readonly mounts: Known<readonly MountEntry[]> }[];
  /** What the engine's own processes see. */
  readonly hostMounts: Known<readonly MountEntry[]>;
  /** Device nodes below the container's `/dev` that no container has by itself. */
  readonly devices: Known<readonly DeviceNode[]>;
  /** The capabilities that the host's own process 1 could ever have: all that this kernel knows. */
  readonly allCapabilities: bigint | null;
}

/** A fact, or why it could not be had: what could not be looked at is never said to be kept. */
export type Known<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly reason: string };

export function known<T>(value: T): Known<T> {
  return { known: true, value };
}

export function unknown(reason: string): { readonly known: false; readonly reason: string } {
  return { known: false, reason };
}

export const namespaceKinds = ["pid", "net", "ipc", "uts", "mnt", "user", "cgroup"] as const;
export type NamespaceKind = (typeof namespaceKinds)[number];

export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  /** What the process calls itself: it may say anything. */
  readonly name: string;
  readonly threads: readonly ThreadFacts[];
  /** The kernel's names of its namespaces, `pid:[4026531836]`. */
  readonly namespaces: Known<Readonly<Record<NamespaceKind, string>>>;
}

/** The four ids that a thread has of each sort. */
export interface Ids {
  readonly real: number;
  readonly effective: number;
  readonly saved: number;
  readonly fileSystem: number;
}

export interface ThreadFacts {
  readonly tid: number;
  readonly users: Ids;
  readonly groups: Ids;
  readonly supplementary: readonly number[];
  readonly capabilities: {
    readonly inheritable: bigint;
    readonly permitted: bigint;
    readonly effective: bigint;
    readonly bounding: bigint;
    readonly ambient: bigint;
  };
  /** Null where the kernel does not tell. */
  readonly noNewPrivileges: boolean | null;
  /** 0 off, 1 strict, 2 a filter; null where the kernel does not tell. */
  readonly seccomp: number | null;
}

/** One row of `uid_map` or `gid_map`. */
export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** One row of `mountinfo`. */
export interface MountEntry {
  readonly id: number;
  readonly parent: number;
  /** The file system, `major:minor`. */
  readonly device: string;
  /** The directory of the file system that is mounted. */
  readonly root: string;
  readonly target: string;
  /** Read-only by the mount or by the file system itself. */
  readonly readonly: boolean;
  readonly type: string;
  readonly source: string;
}

export interface DeviceNode {
  readonly path: string;
  readonly kind: "block" | "character";
  readonly major: number;
  readonly minor: number;
}

/** A socket of the kernel's tables that listens for TCP. */
export interface Listener {
  /** `127.0.0.1`, `0.0.0.0`, `::`, … */
  readonly address: string;
  readonly port: number;
}

/** An id of the host as the container has it; undefined when the container's user namespace has no such id. */
export function insideID(id: number, map: readonly IdRange[]): number | undefined {
  const range = map.find(({ outside, count }) => id >= outside && id < outside + count);
  return range && id - range.outside + range.inside;
}
