import type { APIParams } from "../../model/api/calls.ts";
import type { LogEntry, LostEntry } from "../../model/entry.ts";
import type { ErrorView, ProcessView } from "../../model/kept.ts";
import type { Problem } from "../../model/api/problem.ts";

/** Which worker's process is meant, where several have one of the id. */
export type WhichOptions = Omit<APIParams<"process.status">, "instanceId">;
export type StartOptions = Omit<APIParams<"process.start">, "instanceId">;
export type StopOptions = Omit<APIParams<"process.stop">, "instanceId">;
export type ErrorsOptions = Partial<Omit<APIParams<"errors.get">, "instanceId">>;
export type LogsOptions = Partial<Omit<APIParams<"logs.get">, "instanceId">> & {
  /** Goes on with what comes. */
  readonly follow?: boolean;
};

/** What a stream of logs gives, one after the other: the same as the lines of `GET /api/monitoring/logs/ID` as NDJSON. */
export type LogItem =
  | LogEntry
  | LostEntry
  /** All that was kept has come, and what follows is as it happens. */
  | { readonly kind: "live"; readonly position: number }
  /** The reader was slower than what came, or what was asked for is no longer kept. */
  | {
      readonly kind: "gap";
      readonly reason: string;
      readonly after: number;
      readonly upTo: number;
      readonly entries: number | null;
    }
  /** The last of a stream that broke off. */
  | { readonly kind: "failure"; readonly problem: Problem };

/**
 * `ContainerMonitoringOps` as its callers see it, whichever way leads there. `Logs` is a stream of `LogItem` where it can carry objects (Cap'n Web), and
 * of bytes of NDJSON where it cannot (Workers' own RPC).
 *
 * A call that fails rejects with an Error whose message begins with NovaBot's code and a colon; it has `code`, `next`, `status`, and where they are
 * known `place` and `candidates`, as far as the way carries them.
 */
export interface MonitoringOps<Logs> {
  getProcessStatus(instanceId: string, options?: WhichOptions): Promise<ProcessView>;
  /** Groups of errors, the newest first. */
  getErrors(instanceId: string, options?: ErrorsOptions): Promise<readonly ErrorView[]>;
  /** The newest lines, 1000 where no `limit` is given; with `after` and without `limit` all that come after that position; with `follow` without an end. */
  getLogs(instanceId: string, options?: LogsOptions): Promise<Logs>;
  /** With `spec` a new process; without it one that its worker knows is started again. */
  startProcess(instanceId: string, options?: StartOptions): Promise<ProcessView>;
  stopProcess(instanceId: string, options?: StopOptions): Promise<ProcessView>;
}
