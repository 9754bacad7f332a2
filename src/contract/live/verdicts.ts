import type { CheckedRule, Finding, Severity } from "../findings/finding.ts";
import { ruleDescriptions } from "../rules/catalogue.ts";
import type { Place } from "../source/place.ts";
import type { LiveSubject } from "./subject.ts";

/** What a rule found, without what the subject already says. */
export interface LiveFinding {
  readonly message: string;
  readonly fix: string;
  readonly at?: Place | undefined;
  readonly reason?: string;
  readonly severity?: Severity;
}

/** Where the rules put down what they found of one container. */
export interface Verdicts {
  broken(rule: string, finding: LiveFinding): void;
  /** What was measured, for a rule that nothing breaks. */
  kept(rule: string, note?: string): void;
  unknown(rule: string, reason: string): void;
  notApplicable(rule: string, note?: string): void;
  result(): { readonly findings: readonly Finding[]; readonly checked: readonly CheckedRule[] };
}

export function verdicts(subject: Pick<LiveSubject, "name" | "service" | "container">): Verdicts {
  const findings: Finding[] = [];
  const notes = new Map<string, { broken: boolean; unknown: string[]; kept: string[]; applies: boolean }>();
  const about = (rule: string): { broken: boolean; unknown: string[]; kept: string[]; applies: boolean } => {
    let found = notes.get(rule);
    if (!found) notes.set(rule, (found = { broken: false, unknown: [], kept: [], applies: false }));
    return found;
  };
  return {
    broken(rule, { message, fix, at, reason, severity }) {
      about(rule).broken = true;
      findings.push({
        rule,
        severity: severity ?? severityOf(rule),
        module: subject.name,
        service: subject.service?.name,
        message,
        fix,
        at,
        ...(reason === undefined ? {} : { reason }),
        subject: `container ${subject.container.name}`,
      });
    },
    kept(rule, note) {
      const found = about(rule);
      found.applies = true;
      if (note !== undefined) found.kept.push(note);
    },
    unknown(rule, reason) {
      const { unknown } = about(rule);
      if (!unknown.includes(reason)) unknown.push(reason);
    },
    notApplicable(rule, note) {
      const found = about(rule);
      if (note !== undefined) found.kept.push(note);
    },
    result: () => ({
      findings,
      checked: [...notes].map(([rule, { broken, unknown, kept, applies }]) => {
        const verdict = broken ? "broken" : unknown.length > 0 ? "unknown" : applies ? "kept" : "not applicable";
        // What was measured where nothing is wrong says little beside a finding.
        const note = (verdict === "unknown" ? unknown : verdict === "broken" ? [] : kept).join("; ");
        return { rule, module: subject.name, verdict, ...(note === "" ? {} : { note }) };
      }),
    }),
  };
}

function severityOf(rule: string): Severity {
  return ruleDescriptions.find(({ id }) => id === rule)?.severity ?? "error";
}
