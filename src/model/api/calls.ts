import type { InstanceSpec } from "../instance.ts";
import type { Entry, EntryFilter } from "../entry.ts";
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
} from "../kept.ts";
import type { LogEntry, LostEntry } from "../entry.ts";
import type { ScheduledTask } from "../task.ts";
import type { Caller, Role } from "./access.ts";

// What can be asked of the orchestrator: the same calls over REST, `/ws/monitoring` and RPC. `routes.ts` says where REST has them and who may call them.

/** Which of several instances of one id is meant. */
export interface Which {
  readonly instanceId: string;
  readonly worker?: string;
  readonly container?: string;
}

interface Paging {
  readonly after?: number;
  readonly before?: number;
  readonly limit: number;
}

export interface APICalls {
  "process.list": {
    params: { readonly workers?: readonly string[]; readonly containers?: readonly string[] };
    answer: { readonly processes: readonly ProcessView[] };
  };
  "process.status": { params: Which; answer: ProcessView };
  /** With `spec` a new instance of the worker that is named; without it one that the worker knows is started again. */
  "process.start": {
    params: Which & {
      readonly spec?: Omit<Partial<InstanceSpec>, "id" | "argv"> & { readonly argv: readonly string[] };
      readonly wait?: "running" | "ready";
      readonly timeoutMs?: number;
    };
    answer: ProcessView;
  };
  "process.stop": { params: Which & { readonly graceMs?: number }; answer: ProcessView };
  "process.restart": { params: Which; answer: ProcessView };
  "errors.list": { params: ErrorsQuery; answer: { readonly errors: readonly ErrorView[] } };
  /** Of one instance; an id that several have is refused. */
  "errors.get": {
    params: Which & Omit<ErrorsQuery, "workers" | "containers" | "instances">;
    answer: { readonly errors: readonly ErrorView[] };
  };
  "errors.occurrences": { params: Which & { readonly fingerprint: string } & Paging; answer: Page<ErrorOccurrence> };
  "logs.list": { params: LogQuery; answer: Page<LogEntry | LostEntry> };
  "logs.get": { params: Which & Omit<LogQuery, "workers" | "containers" | "instances">; answer: Page<LogEntry | LostEntry> };
  "entries.list": { params: EntryFilter & Paging; answer: Page<Entry> };
  "workers.list": { params: Record<string, never>; answer: { readonly workers: readonly WorkerView[] } };
  "workers.get": {
    params: { readonly workerName: string };
    answer: { readonly worker: WorkerView; readonly processes: readonly ProcessView[] };
  };
  /** Asks both health doors of the worker anew. */
  "workers.health": { params: { readonly workerName: string }; answer: { readonly health: NonNullable<WorkerView["health"]> } };
  "terminals.list": { params: { readonly worker?: string } & Paging; answer: Page<TerminalSession> };
  /** Lets one connection to the worker's terminal in, within half a minute. */
  "terminals.ticket": {
    params: { readonly workerName: string; readonly readonly?: boolean; readonly record?: boolean };
    answer: { readonly ticket: string; readonly expiresAtMs: number };
  };
  "groups.list": { params: Record<string, never>; answer: { readonly groups: readonly GroupView[] } };
  "groups.get": { params: { readonly folder: string }; answer: GroupView };
  "runs.list": {
    params: { readonly groups?: readonly string[]; readonly outcomes?: readonly string[] } & Paging;
    answer: Page<RunView>;
  };
  "runs.get": { params: { readonly runId: string }; answer: RunView };
  "runs.cancel": { params: { readonly runId: string }; answer: { readonly cancelled: true } };
  "messages.list": {
    params: { readonly groups?: readonly string[]; readonly chats?: readonly string[] } & Paging;
    answer: Page<MessageView>;
  };
  /** To a local chat's group; the answer comes by events. */
  "messages.send": {
    params: { readonly chatJid: string; readonly text: string; readonly id?: string };
    answer: { readonly id: string; readonly isNew: boolean };
  };
  "tasks.list": { params: { readonly groups?: readonly string[] }; answer: { readonly tasks: readonly ScheduledTask[] } };
  "tasks.get": { params: { readonly taskId: string }; answer: ScheduledTask };
  "tasks.change": { params: { readonly taskId: string; readonly to: "pause" | "resume" | "cancel" }; answer: ScheduledTask };
  "modules.list": { params: Record<string, never>; answer: { readonly modules: readonly ModuleView[] } };
  "contract.get": { params: Record<string, never>; answer: { readonly check: CheckView | null } };
  "contract.check": { params: Record<string, never>; answer: { readonly check: CheckView } };
  "audit.list": { params: { readonly who?: string; readonly what?: string } & Paging; answer: Page<AuditRow> };
  "house.status": {
    params: Record<string, never>;
    answer: {
      readonly version: string;
      readonly home: string;
      readonly pid: number | null;
      readonly startedAtMs: number;
      readonly engine: string | null;
      readonly position: number;
      readonly workers: Readonly<Record<WorkerView["state"], number>>;
      readonly processes: { readonly running: number; readonly crashed: number; readonly other: number };
      readonly groups: number;
      readonly store: { readonly bytes: number; readonly logRows: number; readonly trouble: string | null };
    };
  };
  "access.me": { params: Record<string, never>; answer: Caller };
  "tokens.list": {
    params: Record<string, never>;
    answer: { readonly tokens: readonly (Caller & { readonly createdAtMs: number })[] };
  };
  /** The only time that the token itself is told. */
  "tokens.add": { params: { readonly name: string; readonly role: Role }; answer: Caller & { readonly token: string } };
  "tokens.remove": { params: { readonly name: string }; answer: { readonly removed: true } };
}

export type APICallName = keyof APICalls;
export type APIParams<Name extends APICallName> = APICalls[Name]["params"];
export type APIAnswer<Name extends APICallName> = APICalls[Name]["answer"];
