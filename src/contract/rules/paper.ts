import type { CheckedRule, Finding } from "../findings/finding.ts";
import type { PaperSubject } from "./subject.ts";

/**
 * Holds a project to every rule that can be checked on paper. Pure: what it knows is in the subject. `checked` has one entry for each paper rule
 * but `ignore-reason`, which is told by who reads the comments.
 */
export function checkProject(subject: PaperSubject): {
  readonly findings: readonly Finding[];
  readonly checked: readonly CheckedRule[];
} {
  void subject;
  return { findings: [], checked: [] };
}
