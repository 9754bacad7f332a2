import type { Severity } from "../findings/finding.ts";

/** What everybody may know of a rule: reports, documentation and both ways of checking. */
export interface RuleDescription {
  /** Kebab-case; also the name of its page, `docs/rules/<id>.md`. */
  readonly id: string;
  readonly severity: Severity;
  /** What must hold, as one sentence without a full stop. */
  readonly title: string;
  /** Why: one or two sentences. */
  readonly reason: string;
  /** Which ways of checking it has. */
  readonly ways: readonly ("paper" | "live")[];
}
