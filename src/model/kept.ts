import type { EntryFilter, ModuleState, WorkerState } from "./entry.ts";
import type { InstanceStatus } from "./instance.ts";
import type { ErrorCategory, ErrorGroup, ErrorSeverity } from "./record.ts";
import type { RunRecord } from "./run.ts";

// What the orchestrator knows, as its doors tell it. Times are milliseconds since 1970.

export interface WorkerView {
  readonly worker: string;
  readonly container: string | null;
  readonly state: WorkerState;
  readonly sinceMs: number;
  /** One sentence: why it is in this state. */
  readonly why: string;
  readonly bootID: string | null;
  readonly bootedAtMs: number | null;
  readonly version: string | null;
  readonly image: string | null;
  readonly engine: string | null;
  /** Null where it has not been asked since it was linked. */
  readonly health: { readonly terminal: DoorState; readonly websocket: DoorState } | null;
  readonly instances: number;
  readonly logs: { readonly rows: number; readonly bytes: number };
}

export interface DoorState {
  readonly healthy: boolean;
  readonly reason: string | null;
  readonly atMs: number;
}

/** One supervised process, as its worker told of it last. */
export interface ProcessView {
  readonly worker: string;
  readonly container: string;
  readonly instance: string;
  /** False: this is what was known when the worker was heard last. */
  readonly linked: boolean;
  readonly asOfMs: number;
  readonly status: InstanceStatus;
}

export interface ErrorView extends ErrorGroup {
  readonly worker: string;
  readonly container: string;
}

export interface ErrorOccurrence {
  readonly position: number;
  readonly atMs: number;
  readonly worker: string;
  readonly container: string;
  readonly bootID: string;
  readonly seq: number;
  readonly instance: string;
  readonly fingerprint: string;
  /** Of its group in this boot, with it. */
  readonly count: number;
  readonly message: string;
  readonly lines: readonly string[];
  readonly before: readonly string[];
}

export interface LogQuery {
  readonly workers?: readonly string[];
  readonly containers?: readonly string[];
  readonly instances?: readonly string[];
  readonly levels?: EntryFilter["levels"];
  readonly streams?: EntryFilter["streams"];
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Words that a line has to hold, all of them; a word in double quotes is a phrase; the last one may end in `*`. */
  readonly search?: string;
  /** Only this text, ignoring case, wherever it stands in the line. */
  readonly contains?: string;
  readonly bootID?: string;
  /** Only those after this number of their boot's own. */
  readonly afterSeq?: number;
  /** Entries after this position, oldest first. */
  readonly after?: number;
  /** The newest entries before this position. */
  readonly before?: number;
  readonly limit: number;
}

export interface ErrorsQuery {
  readonly workers?: readonly string[];
  readonly containers?: readonly string[];
  readonly instances?: readonly string[];
  readonly categories?: readonly ErrorCategory[];
  readonly severities?: readonly ErrorSeverity[];
  readonly fingerprint?: string;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly limit: number;
}

/** A part of an ordered list; entries are always oldest first. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** For `after` and `before` of the next question; null where the page is empty. */
  readonly first: number | null;
  readonly last: number | null;
  /** There is more in the direction that was asked. */
  readonly more: boolean;
}

export interface TerminalSession {
  /** The orchestrator's own id of one viewer's connection. */
  readonly id: string;
  readonly worker: string;
  readonly container: string | null;
  /** The supervisor's id of the terminal, once it is known. */
  readonly session: string | null;
  readonly instance: string | null;
  readonly who: string;
  readonly readonly: boolean;
  readonly openedAtMs: number;
  readonly endedAtMs: number | null;
  readonly why: string | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly recorded: boolean;
}

export interface GroupView {
  readonly folder: string;
  readonly name: string;
  readonly jid: string;
  readonly isMain: boolean;
  readonly agent: string;
  readonly network: string;
  /** At work, waiting messages, and containers that are kept, as of now; null when the agents' side is not served here. */
  readonly live: { readonly run: string | null; readonly waiting: number; readonly containers: number } | null;
  readonly runs: number;
  readonly costUSD: number;
  readonly lastRunAtMs: number | null;
}

export interface RunView extends RunRecord {
  readonly position: number;
}

export interface MessageView {
  readonly position: number;
  readonly id: string;
  readonly direction: "in" | "out";
  readonly chatJid: string;
  readonly group: string | null;
  readonly run: string | null;
  readonly sender: string;
  readonly kind: string;
  readonly text: string;
  readonly atMs: number;
  readonly state: "waiting" | "answered" | "sent" | "unsent" | "given up";
}

export interface ModuleView {
  readonly module: string;
  readonly state: ModuleState;
  readonly why: string;
  readonly sinceMs: number;
  readonly containers: readonly { readonly name: string; readonly running: boolean; readonly health: string | null }[];
}

export interface AuditRow {
  readonly position: number;
  readonly atMs: number;
  /** Name of the token, or the user of this machine. */
  readonly who: string;
  /** `api`, `websocket`, `rpc`, `command`. */
  readonly door: string;
  /** What was asked: a call's name. */
  readonly what: string;
  readonly worker: string | null;
  readonly container: string | null;
  readonly subject: string | null;
  /** `done`, or an error's code. */
  readonly result: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** The last live check of the contract; `report` is what `novabot check --live --format json` prints. */
export interface CheckView {
  readonly atMs: number;
  readonly outcome: "kept" | "broken" | "could not check";
  readonly broken: number;
  readonly unknown: number;
  readonly report: unknown;
}
