import type { ContainerInput } from "../../model/protocol.ts";
import type { Outcome } from "../../model/run.ts";
import type { KeptStream } from "../protocol/kept-stream.ts";
import type { RunPlan } from "./plan.ts";

export interface LogFacts {
  readonly plan: RunPlan;
  readonly runID: string;
  readonly engine: string;
  readonly container: string;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly outcome: Outcome;
  readonly exitCode: number | null;
  readonly error: string | null;
  readonly input: ContainerInput;
  readonly stdout: KeptStream;
  readonly stderr: KeptStream;
  /** Full input and both streams; otherwise a summary, and stderr only of a run that failed. */
  readonly verbose: boolean;
  readonly redact: (text: string) => string;
}

/** The text of a run's log, in the layout of the requirement, with secrets blotted out. */
export function renderLog(facts: LogFacts): string {
  const { plan, input } = facts;
  const lines = [
    "=== Container Run Log ===",
    `Timestamp: ${facts.startedAt}`,
    `Group: ${plan.group.folder}`,
    `IsMain: ${plan.group.isMain}`,
    `Duration: ${facts.durationMs}ms`,
    `Exit Code: ${facts.exitCode ?? "unknown"}`,
    `Stdout Truncated: ${facts.stdout.truncated}`,
    `Stderr Truncated: ${facts.stderr.truncated}`,
    `Outcome: ${facts.outcome}`,
    `Run: ${facts.runID}`,
    `Engine: ${facts.engine}`,
    `Container: ${facts.container}`,
    `Image: ${plan.image}`,
    "",
  ];
  if (facts.error !== null) lines.push("=== Error ===", facts.error, "");
  if (facts.verbose) {
    lines.push("=== Input ===", JSON.stringify(input, null, 2), "");
  } else {
    lines.push(
      "=== Input Summary ===",
      `Prompt length: ${[...input.prompt].length} chars`,
      `Session ID: ${input.sessionId ?? "new"}`,
      "",
    );
  }
  lines.push(
    "=== Mounts ===",
    ...plan.mounts.map((mount) => `${mount.target}${mount.readonly ? " (ro)" : ""}${mount.kind === "mask" ? " (masked)" : ""}`),
    "",
  );
  // Each stream by itself as well: a secret that was cut with it can be known only at its end.
  if (facts.verbose || facts.outcome !== "success") lines.push("=== Stderr ===", facts.redact(facts.stderr.text()), "");
  if (facts.verbose) lines.push("=== Stdout ===", facts.redact(facts.stdout.text()), "");
  return facts.redact(lines.join("\n"));
}
