import type { ComposeProject, Service } from "../compose/project.ts";
import type { ContractModule, ContractUser } from "../declaration/contract.ts";
import type { Finding } from "../findings/finding.ts";
import type { PaperSubject } from "./subject.ts";

export interface ProjectSubject extends PaperSubject {
  readonly project: ComposeProject;
}

/** One service of a project, with what it is held to. */
export interface ServiceSubject extends ProjectSubject {
  readonly service: Service;
  /** The module, when the service is the one that the contract names. */
  readonly declared: ContractModule | undefined;
  /** The module's, or the default contract's. */
  readonly user: ContractUser;
  readonly restart: string;
}

export interface DeclaredSubject extends ServiceSubject {
  readonly declared: ContractModule;
}

/** A finding without what the rule and the service already say. */
export type Found = Omit<Finding, "rule" | "severity" | "module" | "service"> & Partial<Pick<Finding, "severity" | "service">>;

export interface Tell {
  (found: Found): void;
  /** The rule could not be decided, and why. */
  unknown(note: string): void;
  /** What was found to be right. */
  note(note: string): void;
  /** There is nothing that the rule could be about. */
  notApplicable(): void;
}

interface Check<S extends string, T> {
  readonly id: string;
  readonly scope: S;
  check(subject: T, tell: Tell): void;
}

/**
 * A rule on paper: of a whole project (which may be missing), of each service, or of the one service that the contract declares.
 */
export type PaperRule = Check<"subject", PaperSubject> | Check<"service", ServiceSubject> | Check<"declared", DeclaredSubject>;
