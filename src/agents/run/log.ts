import type { Outcome } from "../../model/run.ts";
import type { EndedRun } from "./report.ts";

export interface LogFacts extends EndedRun {
  readonly startedAt: string;
  readonly outcome: Outcome;
  readonly error: string | null;
  /** Full input and both streams; otherwise a summary, and stderr only of a run that failed. */
  readonly verbose: boolean;
  readonly redact: (text: string) => string;
}

/** The text of a run's log, in the layout of the requirement, with secrets blotted out. */
export function renderLog(facts: LogFacts): string {
  const { plan, input } = facts;
  const { exitCode, stdout, stderr } = facts.conversation;
  const lines = [
    "=== Container Run Log ===",
    `Timestamp: ${facts.startedAt}`,
    `Group: ${plan.group.folder}`,
    `IsMain: ${plan.group.isMain}`,
    `Duration: ${facts.durationMs}ms`,
    `Exit Code: ${exitCode ?? "unknown"}`,
    `Stdout Truncated: ${stdout.truncated}`,
    `Stderr Truncated: ${stderr.truncated}`,
    `Outcome: ${facts.outcome}`,
    `Run: ${facts.id}`,
    `Engine: ${facts.engine}`,
    `Container: ${facts.container}`,
    `Image: ${plan.image}`,
    "",
  ];
  if (facts.error !== null) lines.push("=== Error ===", facts.error, "");
  if (facts.verbose) lines.push("=== Input ===", JSON.stringify(input, null, 2), "");
  else {
    const length = countCharacters(input.prompt);
    lines.push("=== Input Summary ===", `Prompt length: ${length} chars`, `Session ID: ${input.sessionId ?? "new"}`, "");
  }
  const mounts = plan.mounts.map(({ target, readonly }) => `${target}${readonly ? " (ro)" : ""}`);
  lines.push("=== Mounts ===", ...mounts, "");
  // Each stream by itself as well: a secret that was cut with it can be known only at its end.
  if (facts.verbose || facts.outcome !== "success") lines.push("=== Stderr ===", facts.redact(stderr.text()), "");
  if (facts.verbose) lines.push("=== Stdout ===", facts.redact(stdout.text()), "");
  return facts.redact(lines.join("\n"));
}

function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
