/**
 * Every error that NovaBot reports has one of these codes. The table says what a code means and which exit status the
 * command line gives it: 1 when a run failed, 2 when the request or the set-up was wrong.
 */
export const errorCodes = {
  USAGE: { exit: 2, title: "the command was not understood" },
  INTERNAL: { exit: 2, title: "NovaBot itself went wrong" },
  NOT_SUPPORTED: { exit: 2, title: "this machine or engine cannot do that" },

  ENGINE_NOT_FOUND: { exit: 2, title: "no container engine answers" },
  ENGINE_LOST: { exit: 1, title: "the container engine went away" },
  ENGINE_REFUSED: { exit: 2, title: "the container engine refused a request" },
  ENGINE_RESPONSE: { exit: 2, title: "the container engine answered something that cannot be read" },
  CONTAINER_CONFLICT: { exit: 2, title: "a container of that name exists" },
  CONTAINER_NOT_FOUND: { exit: 2, title: "no such container" },
  IMAGE_NOT_FOUND: { exit: 2, title: "the image is missing" },
  IMAGE_BUILD_FAILED: { exit: 2, title: "the image could not be built" },
  SETUP_REFUSED: { exit: 2, title: "set-up may not or cannot go on" },
  SETUP_FAILED: { exit: 2, title: "set-up failed" },

  HOME_INVALID: { exit: 2, title: "the home directory cannot be used" },
  HOME_UNSAFE_PATH: { exit: 2, title: "a path in the home is not what it must be" },
  REGISTRY_INVALID: { exit: 2, title: "the registry of groups cannot be used" },
  GROUP_INVALID: { exit: 2, title: "the group's settings are not valid" },
  GROUP_NOT_FOUND: { exit: 2, title: "no such group" },
  GROUP_EXISTS: { exit: 2, title: "the group exists already" },
  FOLDER_TAKEN: { exit: 2, title: "the folder holds another chat's conversations" },
  FOLDER_INVALID: { exit: 2, title: "the folder name is not valid" },
  JID_INVALID: { exit: 2, title: "the chat id is not valid" },
  ENV_INVALID: { exit: 2, title: "the env file is not valid" },
  ALLOWLIST_INVALID: { exit: 2, title: "the mount allowlist cannot be used" },
  MOUNT_REFUSED: { exit: 2, title: "a mount is not allowed" },
  SESSION_INVALID: { exit: 2, title: "the session id is not valid" },
  PROMPT_INVALID: { exit: 2, title: "the prompt cannot be used" },
  RUN_NOT_FOUND: { exit: 2, title: "no such run" },

  AGENT_ERROR: { exit: 1, title: "the agent reported an error" },
  AGENT_PROTOCOL: { exit: 1, title: "the agent ended without an answer that can be trusted" },
  RUN_TIMEOUT: { exit: 1, title: "the run took too long" },
  RUN_OUT_OF_MEMORY: { exit: 1, title: "the run used more memory than it may" },
  RUN_CANCELLED: { exit: 1, title: "the run was cancelled" },
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface ErrorDetails {
  /** Where the wrong value stands: a file, a field, an option. */
  readonly place?: string;
  /** What the reader can do about it, as one sentence. */
  readonly next?: string;
  /** Values that a program may want; never secrets. */
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** An error that tells what was tried, with which value, where, and what to do next. */
export class NovaError extends Error {
  override readonly name = "NovaError";
  readonly code: ErrorCode;
  readonly place: string | undefined;
  readonly next: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.place = details.place;
    this.next = details.next;
    this.facts = details.facts ?? {};
  }
}

/** Whether what was thrown is an error with one of these codes, as the system's calls give them: `ENOENT`, `EEXIST`. */
export function hasCode(thrown: unknown, ...codes: readonly string[]): boolean {
  return thrown instanceof Error && "code" in thrown && codes.includes(String(thrown.code));
}

/** The message of a failed system call without the call and its path, which may be a descriptor's: `EACCES: permission denied`. */
export function reasonOf(thrown: unknown): string {
  return messageOf(thrown).replace(/, \w+(?: '[^']*'(?: -> '[^']*')?)?$/, "");
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** `value` as a short quoted text that is safe to print: control characters are escaped, long text is cut. */
export function quote(value: unknown, limit = 120): string {
  const text = typeof value === "string" ? value : asText(value);
  const cut = text.length > limit ? `${text.slice(0, limit)}…` : text;
  // JSON leaves C1 controls and bidirectional marks as they are; on a terminal they could hide or reorder text.
  return escapeInvisible(JSON.stringify(cut));
}

/** JSON text with what a terminal would obey or hide written as escapes; it stays the same JSON. */
export function escapeInvisible(json: string): string {
  return json.replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

function asText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // Nested too deep, or in a circle.
    return Object.prototype.toString.call(value);
  }
}
