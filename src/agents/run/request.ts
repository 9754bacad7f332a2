import { NovaError, quote } from "../../model/errors.ts";
import type { ContainerMode, Group } from "../../model/group.ts";
import { checkSessionID } from "../../model/names.ts";
import type { ContainerOutput, FollowUp } from "../../model/protocol.ts";

/** The largest prompt, in bytes of UTF-8. */
export const PROMPT_LIMIT_BYTES: number = 16 * 1024 * 1024;
export const DEFAULT_MAX_CONTAINERS = 5;

export interface RunRequest {
  readonly group: Group;
  readonly prompt: string;
  readonly sessionId?: string;
  readonly isScheduledTask?: boolean;
  /** Stops the run (or its wait for a turn) when it aborts. */
  readonly signal?: AbortSignal;
  /** Called once when the run cannot begin at once, because others are before it. */
  onWait?(): void;
  /** Each answer as it comes, the last one too. */
  onOutput?(output: ContainerOutput): void;
  /** How the container is come by; `cold` when left out. */
  readonly mode?: ContainerMode;
  /** Runs first, in the container: status 0 starts the agent, 1 skips this run, another is an error. */
  readonly guard?: string;
  /** For the record: the chat messages that the prompt is made of, the task that it is for, and whether the session is the task's. */
  readonly messages?: readonly string[];
  readonly task?: string;
  readonly ownSession?: boolean;
  /** Called once, when the agent has its prompt. */
  onLive?(live: LiveRun): void;
  /** Called when the agent has taken a follow-up. */
  onAccepted?(id: string): void;
}

/** A run whose agent is at work. */
export interface LiveRun {
  readonly id: string;
  /** Its agent can be given messages while it works. */
  readonly takesFollowUps: boolean;
  /**
   * Puts a message into the agent's input. That it is there says nothing yet: `RunResult.accepted` names those that the agent
   * took, and the others are taken back when the run ends.
   */
  hand(followUp: FollowUp): Promise<void>;
}

/** Throws `PROMPT_INVALID` or `SESSION_INVALID`. */
export function checkRequest(request: RunRequest): void {
  if (request.prompt.trim() === "") {
    throw new NovaError("PROMPT_INVALID", "The prompt is empty.", { place: "prompt", next: "Say what the agent shall answer." });
  }
  const bytes = Buffer.byteLength(request.prompt);
  if (bytes > PROMPT_LIMIT_BYTES) {
    throw new NovaError("PROMPT_INVALID", `The prompt is ${bytes} bytes long; the limit is ${PROMPT_LIMIT_BYTES}.`, {
      place: "prompt",
      next: "Put what is long into a file of the group's folder and name the file in the prompt.",
    });
  }
  if (request.sessionId !== undefined) checkSessionID(request.sessionId, "session id");
}

/** `NOVABOT_MAX_CONTAINERS`, or 5. */
export function maxContainers(env: Readonly<Record<string, string | undefined>>): number {
  const text = env["NOVABOT_MAX_CONTAINERS"];
  if (text === undefined || text === "") return DEFAULT_MAX_CONTAINERS;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1000) return value;
  throw new NovaError("USAGE", `NOVABOT_MAX_CONTAINERS is ${quote(text)}.`, {
    place: "NOVABOT_MAX_CONTAINERS",
    next: "Set it to a whole number from 1 to 1000.",
  });
}
