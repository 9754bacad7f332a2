import type { ImageDescription } from "../../engine/observation.ts";
import type { ComposeProblem, ComposeProject } from "../compose/project.ts";
import type { Contract, ContractModule, EnvironmentName } from "../declaration/contract.ts";
import type { SourceFile } from "../source/place.ts";

/** What the paper rules know of the machine. Every answer is a fact that was gathered without changing anything. */
export interface PaperFacts {
  /** What an engine says of an image; undefined when it has none of that name, or no engine was asked. */
  image(reference: string): ImageDescription | undefined;
  /** A Dockerfile, or another file of a build; undefined when it is missing, too large or not a plain file. */
  read(path: string): SourceFile | undefined;
  /** What stands at an absolute path, symbolic links followed; undefined for nothing. */
  kind(path: string): "file" | "directory" | "other" | undefined;
  /** The names that an env file gives a value; its values are nobody's business here. */
  envNames(path: string): ReadonlySet<string>;
  /** The path with every symbolic link followed as far as it exists. */
  real(path: string): string;
  /** Whether NovaBot itself brings a module with this folder, told from the contract's root: `novabot modules add` then makes it. */
  ships(folder: string): boolean;
  /** Sockets of engines that are known besides the usual ones; absolute. */
  readonly engineSockets: readonly string[];
}

/** What one check on paper is about: a project, alone or as a module of a contract. */
export interface PaperSubject {
  /** Undefined when there is none, or Compose would refuse it; `problems` then say why. */
  readonly project: ComposeProject | undefined;
  readonly problems: readonly ComposeProblem[];
  /** The Compose files as they were read, also when there is no project. */
  readonly files: readonly SourceFile[];
  readonly contract: Contract | undefined;
  /** The module that the project is; without one, what needs a declaration does not apply. */
  readonly module: ContractModule | undefined;
  readonly environmentName: EnvironmentName;
  /** The projects of the contract's other modules, where they can be read: one of them may mount what this one may only read. */
  readonly others: readonly { readonly module: ContractModule; readonly project: ComposeProject }[];
  readonly facts: PaperFacts;
}
