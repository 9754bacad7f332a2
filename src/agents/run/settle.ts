import type { ErrorCode } from "../../model/errors.ts";
import type { Outcome } from "../../model/run.ts";
import { formatSize } from "../../model/size.ts";
import type { Conversation } from "./conversation.ts";
import type { RunPlan } from "./plan.ts";

export interface Settlement {
  readonly outcome: Outcome;
  /** What happened, in a sentence or two; null when the run succeeded. */
  readonly error: string | null;
  readonly code: ErrorCode | null;
}

/** The one outcome of a run. What the host did comes before what the container said: a run that was stopped did not succeed. */
export function settle(conversation: Conversation, plan: Pick<RunPlan, "limits" | "timeoutMs">): Settlement {
  const { last } = conversation;
  if (conversation.lost) return failed("engine lost", "ENGINE_LOST", conversation.lost.message);
  if (conversation.interruption === "cancelled") return failed("cancelled", "RUN_CANCELLED", "The run was cancelled.");
  if (conversation.interruption === "timeout") {
    return failed(
      "timeout",
      "RUN_TIMEOUT",
      `The agent did not end within ${plan.timeoutMs} ms; set containerConfig.timeout if it needs longer.`,
    );
  }
  if (last?.status === "success") return { outcome: "success", error: null, code: null };
  if (conversation.outOfMemory) {
    const limit = formatSize(plan.limits.memoryBytes);
    return failed(
      "out of memory",
      "RUN_OUT_OF_MEMORY",
      `The container reached its memory limit of ${limit}; set containerConfig.memory if it needs more.`,
    );
  }
  if (last)
    return failed(
      "agent error",
      "AGENT_ERROR",
      last.error ?? last.result ?? "The agent reported an error without a word about it.",
    );
  return failed("protocol error", "AGENT_PROTOCOL", noAnswer(conversation));
}

function noAnswer(conversation: Conversation): string {
  const parts = [`The container ended with exit status ${conversation.exitCode} and without an answer that can be trusted.`];
  if (conversation.suspicious) {
    parts.push(
      `${conversation.suspicious} frame(s) came without this run's nonce: something other than the agent's runner wrote them, and they were not taken.`,
    );
  }
  if (conversation.broken) parts.push(`${conversation.broken} frame(s) were broken; the last: ${conversation.brokenReason}.`);
  const tail = conversation.stderr.tail(500).trim();
  if (tail) parts.push(`Its last words on stderr: ${tail}`);
  return parts.join(" ");
}

function failed(outcome: Outcome, code: ErrorCode, error: string): Settlement {
  return { outcome, code, error };
}
