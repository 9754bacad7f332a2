import type { Readable, Writable } from "node:stream";
import type { Observation } from "./observation.ts";
import type { ContainerSpec, ImageBuild } from "./spec.ts";

/**
 * What an engine can do. Shared code asks for a capability, never for an engine's name; what is false here is either done
 * by NovaBot itself or told to the user by `explain`.
 */
export interface Capabilities {
  /** A single file can be mounted, not only a directory. */
  readonly fileMounts: boolean;
  /** A limit on the number of processes holds. */
  readonly pidsLimit: boolean;
  /** A limit on swap holds. */
  readonly swapLimit: boolean;
  /** A container can be started without any network. */
  readonly networkNone: boolean;
  /** Linux capabilities can be dropped and no-new-privileges set. Where false, each container is a virtual machine. */
  readonly hardening: boolean;
  /** Being killed for memory is told apart from being killed. */
  readonly outOfMemory: boolean;
  /** A container can be started again by the engine when it has ended. */
  readonly restarts: boolean;
}

/** What an engine says of itself when it is asked. */
export interface EngineInfo {
  /** The engine's product name, for people: `Docker`, `Podman`, `Apple Container`. */
  readonly product: string;
  readonly version: string;
  /** Where it was reached: a socket's path or a binary's. */
  readonly endpoint: string;
  /** Containers' user ids are not the host's: the engine runs as an ordinary user. */
  readonly rootless: boolean;
  /** A user id in a container is another user on the host, so that files cannot be given to it by number. */
  readonly shiftsIDs: boolean;
  /** The engine runs on this machine's own kernel, not in a virtual machine: a socket file of the host works in its containers. */
  readonly sharesKernel: boolean;
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
}

export interface ImageInfo {
  readonly id: string;
  /** Every name that it has, with its tag; empty when it has none left. */
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly sizeBytes: number;
  readonly user: string;
}

/**
 * The three streams of a container that is not started yet. Reading slowly slows the container; nothing is dropped. Both outputs
 * must be read: they share a connection, and one that nobody reads stops the other. They end with the container, or fail
 * with `ENGINE_LOST`; an error that nobody listens for is no uncaught exception.
 */
export interface Attachment {
  /** Ending it ends the container's standard input. Errors on it are swallowed: a container may exit before it has read. */
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Lets go of the streams; the container goes on. */
  close(): void;
}

export interface Exit {
  readonly exitCode: number;
  /** A process of the container was killed because the container's memory limit was reached. */
  readonly outOfMemory: boolean;
}

export interface ContainerSummary {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly running: boolean;
  readonly createdAtMs: number;
}

export interface ContainerInfo extends ContainerSummary {
  readonly exitCode: number | null;
  readonly outOfMemory: boolean;
  readonly image: string;
  readonly user: string;
  readonly mounts: readonly { readonly source: string; readonly target: string; readonly readonly: boolean }[];
  /** Addresses by network name; empty when the container has none. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly pid: number | null;
}

export type EngineEvent = {
  readonly type: "created" | "started" | "died" | "out of memory" | "removed";
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly exitCode: number | null;
};

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  readonly user?: string;
  /** Aborting gives up waiting for the command, which may go on in the container. */
  readonly signal?: AbortSignal;
  /** Gets what the command writes as it comes; the result then holds none of it, so that there is no limit. */
  readonly onOutput?: (stream: "stdout" | "stderr", bytes: Uint8Array) => void;
}

/** A line of an image's build, as it happens. */
export interface BuildProgress {
  /** `instruction`: a step begins; `output`: what the step says, or the engine before the first. */
  readonly kind: "instruction" | "output";
  readonly step: number | null;
  readonly steps: number | null;
  /** Of a step's beginning the instruction alone, without the engine's numbers: `RUN make`. */
  readonly text: string;
}

export interface BuildOptions {
  /**
   * Aborting hangs up, and the call rejects with `IMAGE_BUILD_FAILED`. That ends the build: Docker kills the step that runs,
   * Podman's service lets it end and begins no other.
   */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: BuildProgress) => void;
}

/**
 * The narrow waist between NovaBot and whatever runs containers. Every method rejects with a NovaError: `ENGINE_LOST` when
 * the engine stopped answering, `ENGINE_REFUSED` with the engine's own words when it said no, `IMAGE_NOT_FOUND`,
 * `CONTAINER_NOT_FOUND`, `CONTAINER_CONFLICT`. No method keeps state that a new connection would miss, so an engine that
 * went away and came back is usable again at once.
 */
export interface Engine {
  /** `docker`, `podman` or `apple`: for people and records; code asks `capabilities`. */
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Looking at containers, images and networks that others made; undefined where the engine cannot. */
  readonly observation?: Observation;

  /** Asks the engine itself. */
  probe(): Promise<EngineInfo>;

  findImage(reference: string): Promise<ImageInfo | undefined>;
  /** Builds from a tar stream of the context. Rejects with `IMAGE_BUILD_FAILED`, which carries the step and its last output. */
  buildImage(build: ImageBuild, options?: BuildOptions): Promise<ImageInfo>;
  removeImage(reference: string): Promise<void>;

  /** Creates a container and gives its id. */
  create(spec: ContainerSpec): Promise<string>;
  /** Attaches to a container that is created and not started, so that no output is missed. */
  attach(id: string): Promise<Attachment>;
  start(id: string): Promise<void>;
  /**
   * Resolves when the container has exited and, if it was made with `autoRemove`, is gone. Begin it before `start`.
   * Rejects with `ENGINE_LOST` within 5 seconds of the engine's loss.
   */
  wait(id: string): Promise<Exit>;
  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when it has exited; one that is gone or not running is no error. */
  stop(id: string, graceMs: number): Promise<void>;
  /** One that is gone or not running is no error. */
  kill(id: string, signal: string): Promise<void>;
  /** Kills it if need be; one that is gone is no error. */
  remove(id: string): Promise<void>;
  exec(id: string, argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  inspect(id: string): Promise<ContainerInfo | undefined>;
  /** Containers, running or not, that carry all of `labels` with these values. */
  list(labels: Readonly<Record<string, string>>): Promise<ContainerSummary[]>;
  /** Events of containers that carry all of `labels`, from now on, until `signal` aborts. Throws `ENGINE_LOST` when the stream breaks. */
  events(labels: Readonly<Record<string, string>>, signal: AbortSignal): AsyncIterable<EngineEvent>;
}
