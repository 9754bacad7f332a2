import type { Readable } from "node:stream";

/** A bind mount. Both paths are absolute; the source exists and holds no links that the host has not resolved. */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readonly: boolean;
}

/** What a container shall be, in no engine's words. */
export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Replaces the image's command when given. */
  readonly command?: readonly string[];
  /** Replaces the image's entrypoint when given. */
  readonly entrypoint?: readonly string[];
  readonly user: { readonly uid: number; readonly gid: number };
  readonly workingDirectory: string;
  readonly env: Readonly<Record<string, string>>;
  /** The image's entrypoint is an init process already, so the engine puts none of its own before it. */
  readonly ownInit?: boolean;
  /** In the order in which they are mounted: a mount inside another comes after it. */
  readonly mounts: readonly Mount[];
  readonly network: "none" | "default";
  /** Published on the host's loopback and nowhere else; nothing is when left out. */
  readonly ports?: readonly PublishedPort[];
  readonly limits: Limits;
  /** Keep standard input open until it is ended through the attachment. */
  readonly stdin: boolean;
  /** The container is gone when it has exited. */
  readonly autoRemove: boolean;
  /**
   * The engine starts it again when it ends by itself, and when the engine itself starts, until somebody stops it. Only together with
   * `autoRemove: false`; holds where the engine's capability `restarts` says so.
   */
  readonly restart?: "unless-stopped";
}

/** A TCP port of the container that `127.0.0.1` of the host leads to. */
export interface PublishedPort {
  readonly container: number;
  readonly host: number;
}

export interface Limits {
  readonly memoryBytes: number;
  /** Memory and swap together. */
  readonly memorySwapBytes: number;
  readonly cpus: number;
  readonly pids: number;
}

/** An image to build: `context` is a tar stream that holds `Dockerfile`. */
export interface ImageBuild {
  readonly tag: string;
  readonly context: Readable;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Build this stage instead of the last. */
  readonly target?: string;
  readonly noCache?: boolean;
}

/** Labels that NovaBot puts on its containers; clean-up goes by them alone. */
export const labels = {
  home: "novabot.home",
  kind: "novabot.kind",
  group: "novabot.group",
  run: "novabot.run",
  host: "novabot.host",
  /** JSON list of the host directories beside the group's own that the container may write. */
  writable: "novabot.writable",
  /** Of a container its worker's name; of an image that a supervisor is in it. */
  worker: "novabot.worker",
} as const;
