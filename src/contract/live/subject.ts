import type { ContainerDescription, ImageDescription, NetworkDescription } from "../../engine/observation.ts";
import type { ComposeProject, Service } from "../compose/project.ts";
import type { ContractModule } from "../declaration/contract.ts";
import type { Place } from "../source/place.ts";
import type { KernelFacts, Known, Listener } from "./kernel-facts.ts";
import type { Location } from "./mount-tree.ts";

/** Everything that was gathered of one container, for the rules to judge: they ask nothing themselves. */
export interface LiveSubject {
  /** What the report calls it: the contract's module, the service of a file without a contract, or the agent's group. */
  readonly name: string;
  readonly module: ContractModule | undefined;
  readonly project: ComposeProject | undefined;
  readonly service: Service | undefined;
  readonly container: ContainerDescription;
  readonly expected: Expectations;
  readonly kernel: Known<KernelFacts>;
  readonly paths: PathFacts;
  /** What the file's image name stands for today. */
  readonly image: Known<ImageDescription>;
  /** The contract's network; undefined when the engine has none of that name. */
  readonly network: Known<NetworkDescription | undefined>;
  readonly envFiles: readonly EnvFileFacts[];
  /** Secrets of the module that stand in the open, by name. */
  readonly exposures: Known<readonly { readonly name: string; readonly place: string }[]>;
  readonly log: Known<LogFacts>;
  readonly health: Known<HealthAnswer>;
  readonly listeners: Known<readonly Listener[]>;
}

/** What the container shall be, from the contract and the file, or from an agent's plan. */
export interface Expectations {
  /** Undefined where only root is ruled out. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly mounts: readonly ExpectedMount[];
  /** Nothing beside `mounts` may be mounted: so it is with agents. */
  readonly mountsOnly: boolean;
  /** Capabilities beyond an engine's usual ones, and losing those that it drops, are errors and no advice: so it is with agents. */
  readonly hardened: boolean;
  /** The name of the network that must be joined; `none` is no network at all. */
  readonly network: string | undefined;
}

export interface ExpectedMount {
  readonly target: string;
  /** Undefined where any directory of the host will do. */
  readonly source: string | undefined;
  readonly readonly: boolean;
  readonly at: Place | undefined;
}

/** What the host's own paths lead to, links followed. */
export interface PathFacts {
  /** By the source as it was declared; unknown for what is not there. */
  readonly sources: ReadonlyMap<string, Known<{ readonly location: Location; readonly identity: string }>>;
  /** By target: device and inode of what the container has there. */
  readonly targets: ReadonlyMap<string, Known<string>>;
  /** Directories and files that the file or the engine names, by what they are named, as real paths; without those that are not there. */
  readonly real: ReadonlyMap<string, string>;
  /** Sockets of container engines. */
  readonly engineSockets: readonly { readonly path: string; readonly location: Location }[];
}

export interface EnvFileFacts {
  readonly path: string;
  readonly at: Place | undefined;
  /** Null when it is missing. */
  readonly found: Known<EnvFileState> | null;
}

export interface EnvFileState {
  readonly kind: "file" | "link" | "other";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly changedAtMs: number;
  /** Names whose value the container does not have as the file has it, and names that it does not have at all. */
  readonly differing: readonly string[];
  readonly missing: readonly string[];
  readonly names: number;
}

export interface LogFacts {
  readonly path: string;
  readonly kind: "file" | "link" | "fifo" | "other" | "missing";
  readonly sizeBytes: number;
  readonly writtenAtMs: number;
  /** It was longer or newer at the end of the wait, or than in the round before. */
  readonly grew: boolean;
  /** How long it was watched for that. */
  readonly watchedMs: number;
  readonly lookedAtMs: number;
}

export interface HealthAnswer {
  readonly url: string;
  /** Null when nothing answered; `problem` then says why. */
  readonly status: number | null;
  readonly problem: string | undefined;
  /** It holds what the contract says that it must. */
  readonly bodyMatches: boolean;
  readonly tookMs: number;
}
