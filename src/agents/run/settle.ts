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

/** What a run was allowed, and whether its image keeps the protocol with the nonce. */
export interface Terms extends Pick<RunPlan, "limits" | "timeoutMs"> {
  readonly keepsProtocol: boolean;
}

/**
 * The one outcome of a run. What the host did comes before what the container said: a run that was stopped did not succeed.
 * A runner's last word is a final frame, or one after which it ends with status 0; otherwise a frame of success was an
 * interim one.
 */
export function settle(conversation: Conversation, terms: Terms): Settlement {
  const { exitCode } = conversation;
  const { last } = conversation.told;
  if (conversation.lost) return failed("engine lost", "ENGINE_LOST", conversation.lost.message);
  if (conversation.interruption === "cancelled") return failed("cancelled", "RUN_CANCELLED", "The run was cancelled.");
  if (conversation.interruption === "timeout") {
    const error = `The agent did not end within ${terms.timeoutMs} ms; set containerConfig.timeout if it needs longer.`;
    return failed("timeout", "RUN_TIMEOUT", error);
  }
  if (conversation.interruption === "flood") {
    const error = "The agent said more than one run may: its answers came faster and longer than any chat takes them.";
    return failed("agent error", "AGENT_ERROR", error);
  }
  const isFinished = last?.final === true || exitCode === 0 || !terms.keepsProtocol;
  if (last?.status === "success" && isFinished) return { outcome: "success", error: null, code: null };
  if (conversation.outOfMemory) {
    const limit = formatSize(terms.limits.memoryBytes);
    const error = `The container reached its memory limit of ${limit}; set containerConfig.memory if it needs more.`;
    return failed("out of memory", "RUN_OUT_OF_MEMORY", error);
  }
  if (last?.status === "success") {
    return failed(
      "agent error",
      "AGENT_ERROR",
      `The container ended with exit status ${exitCode} before its agent had finished.${stderrTail(conversation)}`,
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
  return parts.join(" ") + stderrTail(conversation);
}

function stderrTail(conversation: Conversation): string {
  const tail = conversation.stderr.tail(500).trim();
  return tail ? ` Its last words on stderr: ${tail}` : "";
}

function failed(outcome: Outcome, code: ErrorCode, error: string): Settlement {
  return { outcome, code, error };
}
