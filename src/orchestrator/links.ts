import type { DoorState, WorkerView } from "../model/kept.ts";
import type { CallParams, CallResult, WorkerCallName } from "../model/worker-calls.ts";

/** The orchestrator's links to its workers: one to each, which collects its records into the store. */
export interface Links {
  /** As of now; a worker that nobody found any more is `gone`. */
  state(worker: string): { readonly state: WorkerView["state"]; readonly container: string | null; readonly why: string } | null;
  health(worker: string): WorkerView["health"];
  /** Asks both doors anew. Rejects with WORKER_NOT_FOUND. */
  askHealth(worker: string): Promise<{ readonly terminal: DoorState; readonly websocket: DoorState }>;
  /** Rejects with WORKER_NOT_FOUND, with WORKER_UNREACHABLE when it is not linked, and with what the worker says. */
  call<Name extends Exclude<WorkerCallName, "records.follow">>(
    worker: string,
    name: Name,
    params: CallParams<Name>,
    signal?: AbortSignal,
  ): Promise<CallResult<Name>>;
  close(): Promise<void>;
}
