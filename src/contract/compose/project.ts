import type { Place, Placed, SourceFile } from "../source/place.ts";
import type { MapNode, ScalarNode } from "./node.ts";

/** A Compose project as Compose would run it. */
export interface ComposeProject {
  /** Compose's name for it: `-p`, `COMPOSE_PROJECT_NAME`, `name:`, or the directory's. */
  readonly name: string;
  /** Absolute; relative paths of the first file begin here. */
  readonly directory: string;
  /** Every file that took part, the first named one first; env files are not among them. */
  readonly files: readonly SourceFile[];
  /** Services that the active profiles start. */
  readonly services: ReadonlyMap<string, Service>;
  /** Services that no active profile starts. */
  readonly inactive: ReadonlyMap<string, Service>;
  readonly networks: ReadonlyMap<string, NetworkDeclaration>;
  readonly volumes: ReadonlyMap<string, VolumeDeclaration>;
  /** The whole merged document. */
  readonly document: MapNode;
}

/** One service; what was not written is undefined or empty. `node` holds what has no field of its own here. */
export interface Service {
  readonly name: string;
  /** Where its key stands. */
  readonly at: Place;
  readonly node: MapNode;
  readonly containerName: Placed<string> | undefined;
  readonly image: Placed<string> | undefined;
  readonly build: Build | undefined;
  /** As written after interpolation: `1001:1001`. */
  readonly user: ScalarNode | undefined;
  readonly restart: Placed<string> | undefined;
  readonly mounts: readonly ServiceMount[];
  readonly ports: readonly PublishedPort[];
  readonly networkMode: Placed<string> | undefined;
  readonly networks: readonly ServiceNetwork[];
  readonly envFiles: readonly EnvFile[];
  /** `environment:` alone, without the env files; null is a name without a value, which Compose takes from its own environment. */
  readonly environment: ReadonlyMap<string, { readonly value: string | null; readonly node: ScalarNode; readonly key: Place }>;
  readonly labels: ReadonlyMap<string, Placed<string>>;
  readonly healthcheck: Healthcheck | undefined;
  readonly command: Placed<readonly string[] | string> | undefined;
  readonly entrypoint: Placed<readonly string[] | string> | undefined;
  readonly profiles: readonly string[];
}

export interface Build {
  readonly at: Place;
  /** Absolute directory, or the text as written when it is a URL. */
  readonly context: Placed<string>;
  /** Absolute path of the Dockerfile; undefined when it stands in the Compose file (`dockerfile_inline`) or the context is a URL. */
  readonly dockerfile: Placed<string> | undefined;
  readonly dockerfileInline: ScalarNode | undefined;
  readonly target: Placed<string> | undefined;
  readonly args: ReadonlyMap<string, Placed<string | null>>;
}

/** A mount of `volumes:`, `tmpfs:`, `secrets:` or `configs:`, in the order in which the file has them. */
export interface ServiceMount {
  readonly at: Place;
  readonly kind: "bind" | "volume" | "tmpfs" | "npipe" | "cluster" | "image" | "secret" | "config";
  /** Absolute host path of a bind, secret or config file; the volume's or image's name; undefined for anonymous volumes and tmpfs. */
  readonly source: Placed<string> | undefined;
  readonly target: Placed<string>;
  /**
   * Read-only in effect, as Compose and the engine take it: a mode of `:RO` or `:readonly` mounts read-write without a word.
   */
  readonly readonly: boolean;
  /** What decided `readonly`: the mode's place when it was written. */
  readonly mode: Placed<string> | undefined;
  /** How it was written: only the short form can be mended by adding a mode to its text. */
  readonly syntax: "short" | "long";
}

export interface PublishedPort {
  readonly at: Place;
  /** The address on the host; undefined binds every address. */
  readonly hostAddress: Placed<string> | undefined;
  /** A port or a range as text; undefined or empty lets the engine choose a random one. */
  readonly published: Placed<string> | undefined;
  readonly target: Placed<number>;
  readonly protocol: string;
  readonly mode: string | undefined;
}

export interface ServiceNetwork {
  readonly name: string;
  readonly at: Place;
  readonly aliases: readonly string[];
}

export interface NetworkDeclaration {
  readonly key: string;
  readonly at: Place;
  readonly external: Placed<boolean> | undefined;
  /** What the engine calls it: the `name:` when there is one (with the variables that it was made of), else Compose's own. */
  readonly name: ScalarNode | undefined;
  readonly engineName: string;
  readonly driver: Placed<string> | undefined;
}

export interface VolumeDeclaration {
  readonly key: string;
  readonly at: Place;
  readonly external: boolean;
  readonly engineName: string;
  readonly node: MapNode | undefined;
}

export interface EnvFile {
  readonly at: Place;
  /** Absolute. */
  readonly path: Placed<string>;
  readonly required: boolean;
  readonly format: string | undefined;
}

export interface Healthcheck {
  readonly at: Place;
  /** `disable: true`, or a test of `NONE`. */
  readonly disabled: boolean;
  /** The test as Compose hands it to the engine: `["CMD", …]`, `["CMD-SHELL", "…"]`; undefined leaves the image's. */
  readonly test: Placed<readonly string[]> | undefined;
  readonly node: MapNode;
}

/** What a project is read from. */
export interface ProjectRequest {
  /** The Compose files in order; a later one overrides an earlier one. Absolute. */
  readonly files: readonly string[];
  /** Defaults to the first file's directory. */
  readonly directory?: string;
  /** Wins over the project's `.env`; the caller says what of its own environment counts. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Used where neither the environment nor `.env` has a value: the contract's own defaults. */
  readonly defaults?: Readonly<Record<string, string>>;
  /** Replaces `.env`. Absolute. */
  readonly envFiles?: readonly string[];
  /** `COMPOSE_PROFILES` and `--profile`; `*` is all of them. */
  readonly profiles?: readonly string[];
  readonly name?: string;
}

/** Why a project could not be read, or what of it Compose would warn of. `unreadable` means that Compose would refuse it. */
export interface ComposeProblem {
  readonly unreadable: boolean;
  /** A short stable word: `yaml-syntax`, `schema`, `variable-required`, `extends-cycle`, `file-missing`, `too-large`, `alias-bomb`. */
  readonly kind: string;
  readonly message: string;
  readonly next: string;
  readonly at: Place;
}

/** `project` is undefined when Compose would refuse the files; the problems then say why. Never throws for what a file holds. */
export interface ReadProject {
  readonly project: ComposeProject | undefined;
  readonly problems: readonly ComposeProblem[];
  readonly files: readonly SourceFile[];
}
