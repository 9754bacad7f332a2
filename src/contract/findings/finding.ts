import type { Edit } from "../source/edit.ts";
import type { Place } from "../source/place.ts";

/**
 * `error` breaks the contract; `warning` may break it, or could not be decided on paper; `advice` is good practice that the contract does not demand.
 */
export type Severity = "error" | "warning" | "advice";

/** What one rule found at one place. */
export interface Finding {
  /** The rule's id, which is also its page in `docs/rules/`. */
  readonly rule: string;
  readonly severity: Severity;
  /** The contract's module, the agent's group, or the Compose file of a project without a contract; undefined for what belongs to none. */
  readonly module: string | undefined;
  readonly service: string | undefined;
  /** What is wrong, with the value: one sentence. Never a secret. */
  readonly message: string;
  /** Why it matters here, when the rule's own reason is not enough. */
  readonly reason?: string;
  /** What to do about it: one sentence. */
  readonly fix: string;
  /** The value that decides; undefined for what only runs (`subject` then names it). */
  readonly at: Place | undefined;
  /** Of a finding about secrets: what stands at `at` leads to one and is none, so that reports quote it. */
  readonly quotable?: true;
  /** Other places that take part, with what they do. */
  readonly related?: readonly { readonly at: Place; readonly message: string }[];
  /** The container or image that was looked at, for what has no place in a file. */
  readonly subject?: string;
  /** The change that mends it without a decision of a person's. */
  readonly edits?: readonly Edit[];
}

/** How a rule went for one module: `unknown` is one that could not be checked, with the reason. */
export type Verdict = "kept" | "broken" | "unknown" | "not applicable";

export interface CheckedRule {
  readonly rule: string;
  readonly module: string;
  readonly verdict: Verdict;
  /** Why it is unknown, or what was measured: `uid 1001 in 3 processes`. */
  readonly note?: string;
}

/** Everything that one check says, for every format. */
export interface Report {
  readonly kind: "paper" | "live";
  /** When the check was made. */
  readonly at: Date;
  /** Absolute; paths are told relative to it. */
  readonly root: string;
  readonly findings: readonly Finding[];
  /** Findings that an ignore comment took out, with its reason. */
  readonly ignored: readonly { readonly finding: Finding; readonly reason: string; readonly comment: Place }[];
  /** What could not be checked at all: exit status 2. */
  readonly unchecked: readonly Unchecked[];
  readonly checked: readonly CheckedRule[];
  /** By absolute path: the texts that diagnostics quote. */
  readonly sources: ReadonlyMap<string, string>;
  /** Parts of the sources that no report may quote: what a rule takes for a secret. */
  readonly secret?: readonly Place[];
}

export interface Unchecked {
  readonly module: string | undefined;
  readonly message: string;
  readonly next: string;
  readonly at: Place | undefined;
}
