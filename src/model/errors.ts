/**
 * Every error that NovaBot reports has one of these codes. The table says what a code means, which exit status the
 * command line gives it (1 when a run failed, 2 when the request or the set-up was wrong), and the next step where an error
 * knows no better one.
 */
export const errorCodes = {
  USAGE: { exit: 2, title: "the command was not understood", next: "See `novabot --help`, or `novabot COMMAND --help`." },
  INTERNAL: { exit: 2, title: "NovaBot itself went wrong", next: "Please report it, with the message and what you did." },
  NOT_SUPPORTED: {
    exit: 2,
    title: "this machine or engine cannot do that",
    next: "Leave the setting out, or use an engine that can (`novabot doctor`).",
  },

  ENGINE_NOT_FOUND: { exit: 2, title: "no container engine answers", next: "Start one of them, or run `novabot setup`." },
  ENGINE_LOST: {
    exit: 1,
    title: "the container engine went away",
    next: "Start the engine again (`novabot doctor` tells what answers); NovaBot finds it without being restarted.",
  },
  ENGINE_REFUSED: {
    exit: 2,
    title: "the container engine refused a request",
    next: "Mend what the engine's own words name, then try again.",
  },
  ENGINE_RESPONSE: {
    exit: 2,
    title: "the container engine answered something that cannot be read",
    next: "Check that the socket belongs to a container engine of a supported version (`novabot doctor`).",
  },
  CONTAINER_CONFLICT: {
    exit: 2,
    title: "a container of that name exists",
    next: "Remove or rename that container; NovaBot does not touch what it did not make.",
  },
  CONTAINER_NOT_FOUND: { exit: 2, title: "no such container", next: "Somebody removed it; repeat what you did." },
  IMAGE_NOT_FOUND: { exit: 2, title: "the image is missing", next: "Build it with `novabot image build`, or pull it." },
  IMAGE_BUILD_FAILED: { exit: 2, title: "the image could not be built", next: "Mend what the step says, then try again." },
  SETUP_REFUSED: {
    exit: 2,
    title: "set-up may not or cannot go on",
    next: "Install an engine yourself, then run `novabot doctor`.",
  },
  SETUP_FAILED: { exit: 2, title: "set-up failed", next: "Mend what the step says, then run `novabot setup` again." },

  HOME_INVALID: {
    exit: 2,
    title: "the home directory cannot be used",
    next: "See that the disk has room and that the home belongs to the user who runs NovaBot.",
  },
  HOME_UNSAFE_PATH: {
    exit: 2,
    title: "a path in the home is not what it must be",
    next: "Look at what put it there, then move it away.",
  },
  REGISTRY_INVALID: {
    exit: 2,
    title: "the registry of groups cannot be used",
    next: "Mend the file by hand; NovaBot does not write over a registry that it cannot read.",
  },
  GROUP_INVALID: {
    exit: 2,
    title: "the group's settings are not valid",
    next: "See `novabot groups set --help` for the settings and their values.",
  },
  GROUP_NOT_FOUND: { exit: 2, title: "no such group", next: "See `novabot groups list`." },
  GROUP_EXISTS: {
    exit: 2,
    title: "the group exists already",
    next: "Change it with `novabot groups set`, or choose another folder.",
  },
  FOLDER_TAKEN: { exit: 2, title: "the folder holds another chat's conversations", next: "Choose another folder." },
  FOLDER_INVALID: {
    exit: 2,
    title: "the folder name is not valid",
    next: "Use 1 to 64 letters, digits, hyphens and underscores, beginning with a letter or digit.",
  },
  JID_INVALID: { exit: 2, title: "the chat id is not valid", next: "Use an id like 1234567890@g.us or local:alice." },
  ENV_INVALID: { exit: 2, title: "the env file is not valid", next: "Mend the line in the home's .env." },
  ALLOWLIST_INVALID: {
    exit: 2,
    title: "the mount allowlist cannot be used",
    next: "Mend the allowlist; see docs/extra-mounts.md.",
  },
  MOUNT_REFUSED: { exit: 2, title: "a mount is not allowed", next: "Mount another directory, or allow it in the allowlist." },
  SESSION_INVALID: {
    exit: 2,
    title: "the session id is not valid",
    next: "Use an id that an earlier run printed, or leave it out for a new session.",
  },
  PROMPT_INVALID: { exit: 2, title: "the prompt cannot be used", next: "Say what the agent shall answer, in UTF-8." },
  RUN_NOT_FOUND: { exit: 2, title: "no such run", next: "See `novabot runs list`." },

  HOME_BUSY: {
    exit: 2,
    title: "another `novabot serve` holds the home",
    next: "Use that one, or stop it first.",
  },
  SERVE_NOT_RUNNING: { exit: 2, title: "no `novabot serve` answers for the home", next: "Start `novabot serve`." },
  MESSAGE_INVALID: { exit: 2, title: "the message cannot be delivered", next: "Mend the field that is named." },
  QUEUE_DAMAGED: {
    exit: 2,
    title: "the queue's journal cannot be read",
    next: "Look at the file and line that are named; what comes before is whole.",
  },
  MAIL_INVALID: { exit: 2, title: "a file in a mail slot cannot be used", next: "See docs/mail.md for the forms of mail." },
  MAIL_FORBIDDEN: { exit: 2, title: "a group may not do that", next: "Ask main's agent, or the owner." },
  TASK_INVALID: { exit: 2, title: "the task's settings are not valid", next: "See docs/tasks.md for the forms of schedules." },
  TASK_NOT_FOUND: { exit: 2, title: "no such task", next: "See `novabot tasks list`." },
  EGRESS_INVALID: {
    exit: 2,
    title: "the list of allowed ways out cannot be used",
    next: "Mend the entry; see docs/network.md.",
  },

  CONTRACT_NOT_FOUND: {
    exit: 2,
    title: "there is no contract.yaml",
    next: "Name a Compose file or directory, or bring the modules with `novabot modules add`.",
  },
  CONTRACT_INVALID: {
    exit: 2,
    title: "contract.yaml cannot be used",
    next: "Mend the field that is named; see docs/contract.md.",
  },
  CHECK_UNREADABLE: { exit: 2, title: "what shall be checked cannot be read", next: "Mend what is named, then check again." },
  CHECK_FIX_FAILED: {
    exit: 2,
    title: "a fix could not be written",
    next: "See that the file belongs to you and was not changed meanwhile.",
  },
  MODULE_NOT_FOUND: { exit: 2, title: "no such module", next: "See `novabot modules status`." },
  MODULE_BROKEN: {
    exit: 1,
    title: "a module breaks the contract",
    next: "Mend what `novabot check` names, or start it all the same with --force.",
  },
  MODULE_FAILED: { exit: 1, title: "a module did not start", next: "Look at its log (`novabot modules logs NAME`)." },
  MODULES_BUSY: { exit: 2, title: "another command changes the home's modules", next: "Wait until it is done." },
  COMPOSE_NOT_FOUND: { exit: 2, title: "no Compose program is there", next: "Run `novabot setup`, or install Docker Compose." },
  COMPOSE_FAILED: { exit: 1, title: "Compose failed", next: "Mend what Compose's own words name, then try again." },
  SECRETS_INVALID: { exit: 2, title: "a file of secrets cannot be used", next: "See docs/secrets.md for the form of the file." },
  SECRETS_TAMPERED: {
    exit: 2,
    title: "a file of secrets is not what its author wrote",
    next: "Take the last good version out of your version control; nothing was taken from this one.",
  },
  SECRETS_KEY: {
    exit: 2,
    title: "no key opens the secrets",
    next: "Set SOPS_AGE_KEY_FILE to your key file, or ask somebody who has a key to add yours (`novabot secrets recipients add`).",
  },
  SECRETS_NOT_FOUND: { exit: 2, title: "no such secret or file of secrets", next: "See `novabot secrets list`." },
  SECRETS_MISMATCH: {
    exit: 1,
    title: "the secrets are not the ones that the contract declares",
    next: "Set what is missing and take out what is not declared.",
  },
  SECRETS_UNREPRESENTABLE: {
    exit: 2,
    title: "a secret cannot reach the process as it is",
    next: "Use a value without the characters that are named, or another Compose.",
  },

  INSTANCE_INVALID: {
    exit: 2,
    title: "the instance's settings are not valid",
    next: "See `node cli-tools.js process start --help` for the settings and their values.",
  },
  INSTANCE_NOT_FOUND: { exit: 2, title: "no such instance", next: "See `node cli-tools.js process list`." },
  INSTANCE_RUNNING: { exit: 2, title: "the instance runs already", next: "Restart it, or stop it first." },
  INSTANCE_FAILED: {
    exit: 1,
    title: "the instance did not come up, or did not end",
    next: "Look at its log (`node cli-tools.js logs get --instance-id ID`).",
  },
  WAIT_TIMEOUT: {
    exit: 1,
    title: "what was waited for did not come in time",
    next: "Look at the instance's status and log, or wait longer.",
  },
  SUPERVISOR_NOT_RUNNING: {
    exit: 2,
    title: "no supervisor answers in this container",
    next: "Start a process (`node cli-tools.js process start`), which starts the supervisor as well.",
  },
  SUPERVISOR_FAILED: { exit: 2, title: "the supervisor did not start", next: "Mend what its own words name, then try again." },
  CALL_INVALID: { exit: 2, title: "the supervisor does not take that call", next: "Mend the field that is named." },
  LINK_PROTOCOL: {
    exit: 2,
    title: "the other side of the monitoring session does not keep the protocol",
    next: "See that both sides are of the same release of NovaBot.",
  },
  LINK_LOST: {
    exit: 1,
    title: "the connection to the worker broke off",
    next: "See whether the worker runs (`novabot worker list`), then look at what became of the call before repeating it.",
  },
  TERMINAL_FAILED: {
    exit: 1,
    title: "the terminal did not open, or broke off",
    next: "Look at the worker's log, then open another.",
  },
  TERMINAL_NOT_FOUND: {
    exit: 2,
    title: "no such terminal session",
    next: "Open a new one; a session ends when nobody comes back in time.",
  },
  DOOR_REFUSED: {
    exit: 2,
    title: "the worker's door did not let you in",
    next: "Send the worker's token as `Authorization: Bearer TOKEN`, from an origin and to a host that the worker knows.",
  },
  WORKER_INVALID: { exit: 2, title: "the worker's settings are not valid", next: "See `novabot worker start --help`." },
  WORKER_NOT_FOUND: { exit: 2, title: "no such worker", next: "See `novabot worker list`." },
  WORKER_EXISTS: {
    exit: 2,
    title: "the worker exists already",
    next: "Stop it first (`novabot worker stop NAME`), or choose another name.",
  },
  WORKER_FAILED: { exit: 1, title: "the worker did not come up", next: "Look at its log (`novabot worker logs NAME`)." },

  STORE_FULL: {
    exit: 1,
    title: "the database has no room left",
    next: "Free space on the disk, or lower the retention in novabot.yaml; what was not stored waits in the workers.",
  },
  STORE_LOCKED: { exit: 1, title: "the database is held by another program", next: "End what holds it; NovaBot tries again." },
  STORE_DAMAGED: {
    exit: 1,
    title: "the database is damaged",
    next: "Move the file away and start again: what the workers still keep is collected anew.",
  },
  STORE_FAILED: {
    exit: 1,
    title: "the database did not do what it was asked",
    next: "See the message; NovaBot tries again where it can.",
  },
  CONFIG_INVALID: {
    exit: 2,
    title: "the installation's novabot.yaml is not valid",
    next: "Mend the line that is named; schema/novabot.schema.json says what may stand there.",
  },
  LISTEN_REFUSED: { exit: 2, title: "the doors cannot be opened there", next: "Choose another address or port in novabot.yaml." },
  SERVICE_FAILED: {
    exit: 2,
    title: "the system's service could not be set up",
    next: "Mend what the message names, then try again.",
  },
  ORCHESTRATOR_NOT_RUNNING: { exit: 2, title: "no `novabot up` answers for this home", next: "Start it with `novabot up`." },
  ACCESS_DENIED: { exit: 2, title: "the door did not let you in", next: "Give a valid token, or log in again." },
  ACCESS_FORBIDDEN: { exit: 2, title: "your token may not do that", next: "Use a token with the role that is named." },
  ACCESS_LIMITED: { exit: 2, title: "too many failed attempts", next: "Wait for the time that is named, then try again." },
  REQUEST_INVALID: { exit: 2, title: "the request is not valid", next: "See `/api/openapi.json` for what may be asked." },
  REQUEST_TOO_LARGE: { exit: 2, title: "the request is too large", next: "Send less at once." },
  NOT_FOUND: { exit: 2, title: "there is nothing at that place", next: "See `/api/openapi.json` for what there is." },
  AMBIGUOUS: { exit: 2, title: "several things have that name", next: "Add `worker` or `container` from the candidates." },
  WORKER_UNREACHABLE: {
    exit: 1,
    title: "the worker does not answer now",
    next: "See `novabot worker list` for why; try again when it is linked.",
  },

  AGENT_ERROR: { exit: 1, title: "the agent reported an error", next: "Look at the run's log." },
  AGENT_PROTOCOL: {
    exit: 1,
    title: "the agent ended without an answer that can be trusted",
    next: "Look at the run's log, with LOG_LEVEL=debug for all of it.",
  },
  RUN_TIMEOUT: { exit: 1, title: "the run took too long", next: "Set containerConfig.timeout if it needs longer." },
  RUN_OUT_OF_MEMORY: {
    exit: 1,
    title: "the run used more memory than it may",
    next: "Set containerConfig.memory if it needs more.",
  },
  RUN_CANCELLED: { exit: 1, title: "the run was cancelled", next: "Run it again." },
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
  readonly next: string;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.place = details.place;
    this.next = details.next ?? errorCodes[code].next;
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
