import type { Entry, EntryFilter, EventEntry, LogEntry, LostEntry, NewEvent } from "../model/entry.ts";
import type { InstanceStatus } from "../model/instance.ts";
import type {
  AuditRow,
  CheckView,
  ErrorOccurrence,
  ErrorsQuery,
  ErrorView,
  GroupView,
  LogQuery,
  MessageView,
  ModuleView,
  Page,
  ProcessView,
  RunView,
  TerminalSession,
  WorkerView,
} from "../model/kept.ts";
import type { RecordBatch } from "../model/record.ts";
import type { RunRecord } from "../model/run.ts";
import type { ScheduledTask } from "../model/task.ts";

/** A batch of one container's records. */
export interface SourcedBatch extends RecordBatch {
  readonly worker: string;
  readonly container: string;
}

/** What a hello tells is later than the records of its boot up to `lastSeq`, whatever clock they were written by. */
export interface AsOf {
  readonly bootID: string;
  readonly lastSeq: number;
  /** The orchestrator's clock. */
  readonly atMs: number;
}

export interface PageQuery {
  readonly after?: number;
  readonly before?: number;
  readonly limit: number;
}

/** What of a worker is put into its row; `undefined` leaves it as it is. */
export type WorkerChange = Partial<Omit<WorkerView, "worker" | "health" | "instances" | "logs">>;

/** Rows that events of the house are about. */
export interface About {
  /** Each run once, whatever is put again. */
  readonly runs?: readonly RunRecord[];
  /** The same message again only changes its state, group and run. */
  readonly messages?: readonly Omit<MessageView, "position">[];
}

/**
 * Everything that the orchestrator keeps. Writes are gathered: those that wait while one commit goes on share the next. What a call resolved for is
 * on the disk. All reject with the codes of `Database`.
 */
export interface Store {
  /** The position of the newest entry. */
  readonly position: number;

  /** Of each boot of the container the last record that is kept, the newest boots first, at most 1000. */
  have(worker: string, container: string): Promise<readonly { readonly bootID: string; readonly seq: number }[]>;
  /**
   * Takes each record in once, by container, boot and sequence; instances and errors follow from them. Gives what was new, with positions. Waits while the
   * worker's lines are beyond the bounds that the store was opened with by more than a tenth;
   * where the signal comes meanwhile it rejects with its reason, and the batch is not taken in.
   */
  keep(batch: SourcedBatch, signal?: AbortSignal): Promise<readonly Entry[]>;
  /** Takes in what happened in the house, and in the same transaction what it is about: whoever hears of a run or a message finds it. */
  append(events: readonly NewEvent[], about?: About): Promise<readonly EventEntry[]>;
  /** Called with all that is taken in, in the order of positions, once it is kept. Gives what ends it. */
  listen(listener: (entries: readonly Entry[]) => void): () => void;

  /** Entries of all kinds, oldest first after `after`, or the newest before `before`. `droppedUpTo`: what matched up to here may have been taken out. */
  entries(filter: EntryFilter, page: PageQuery): Promise<Page<Entry> & { readonly droppedUpTo: number }>;
  logs(query: LogQuery): Promise<Page<LogEntry | LostEntry>>;
  errors(query: ErrorsQuery): Promise<readonly ErrorView[]>;
  occurrences(
    of: { readonly worker: string; readonly container?: string; readonly instance: string; readonly fingerprint: string },
    page: PageQuery,
  ): Promise<Page<ErrorOccurrence>>;

  workers(): Promise<readonly Omit<WorkerView, "health">[]>;
  putWorker(worker: string, change: WorkerChange): Promise<void>;
  processes(filter: {
    readonly workers?: readonly string[];
    readonly containers?: readonly string[];
    readonly instance?: string;
  }): Promise<readonly Omit<ProcessView, "linked">[]>;
  /** All instances of a container as its hello tells them; those that are not among them are gone. */
  putProcesses(worker: string, container: string, asOf: AsOf, statuses: readonly InstanceStatus[]): Promise<void>;

  terminals(query: { readonly worker?: string } & PageQuery): Promise<Page<TerminalSession>>;
  putTerminal(session: TerminalSession & { readonly recording: string | null }): Promise<void>;
  recordingOf(id: string): Promise<string | null>;
  /** Those of the ids that a session's row has. */
  knownTerminals(ids: readonly string[]): Promise<readonly string[]>;
  /** Those that a host which died left open. */
  endTerminals(atMs: number, why: string): Promise<void>;

  groups(): Promise<readonly Omit<GroupView, "live">[]>;
  putGroups(
    groups: readonly Pick<GroupView, "folder" | "name" | "jid" | "isMain" | "agent" | "network">[],
    atMs: number,
  ): Promise<void>;
  runs(query: { readonly groups?: readonly string[]; readonly outcomes?: readonly string[] } & PageQuery): Promise<Page<RunView>>;
  /** By its id or what it begins with, when only one does. */
  run(id: string): Promise<RunView | null>;
  messages(
    query: { readonly groups?: readonly string[]; readonly chats?: readonly string[] } & PageQuery,
  ): Promise<Page<MessageView>>;
  tasks(groups?: readonly string[]): Promise<readonly ScheduledTask[]>;
  /** All there are: others go. */
  putTasks(tasks: readonly ScheduledTask[]): Promise<void>;

  modules(): Promise<readonly ModuleView[]>;
  putModules(modules: readonly ModuleView[]): Promise<void>;
  lastCheck(): Promise<CheckView | null>;
  putCheck(check: CheckView): Promise<void>;
  audit(query: { readonly who?: string; readonly what?: string } & PageQuery): Promise<Page<AuditRow>>;
  putAudit(row: Omit<AuditRow, "position">): Promise<void>;

  /** Takes out what workers have that is older or more than the bounds, in small steps. Gives how many rows went. */
  retain(bounds: Retention, nowMs: number, signal: AbortSignal): Promise<number>;
  /** Takes out what the house remembers beyond the bounds, in small steps. Gives how many rows went. */
  retainHistory(bounds: HistoryRetention, nowMs: number, signal: AbortSignal): Promise<number>;
  /**
   * How far that went in what comes from files, where it is too: the latest start of a run, by its record, and the line of the newest audit row that came
   * from one. Null where none of these went.
   */
  takenOut(): Promise<{ readonly runsUpToMs: number | null; readonly auditLine: number | null }>;
  /** Brings the full-text index up to the newest line, in small steps; searching looks at what is not in it yet as well. */
  index(signal: AbortSignal): Promise<void>;
  size(): Promise<{ readonly bytes: number; readonly logRows: number }>;
  close(): Promise<void>;
}

/** Of each worker; null is without bound. */
export interface Retention {
  readonly maxAgeMs: number | null;
  readonly maxRows: number | null;
  readonly maxBytes: number | null;
}

/** Of one kind of what the house remembers; null is without bound. Age counts from when it was taken in, a terminal's from its end. */
export interface HistoryBounds {
  readonly maxAgeMs: number | null;
  readonly maxRows: number | null;
}

export type HistoryRetention = Readonly<Record<"runs" | "messages" | "audit" | "terminals", HistoryBounds>>;
