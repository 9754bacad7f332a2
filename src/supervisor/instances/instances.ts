import type { InstanceSpec, InstanceStatus } from "../../model/instance.ts";
import type { WaitCondition } from "../../model/worker-calls.ts";

/** The supervised processes. What they shall be is kept in a file, so that a supervisor that was killed starts them again. Methods reject with INSTANCE_* and WAIT_TIMEOUT. */
export interface Instances {
  list(): readonly InstanceStatus[];
  status(id: string): InstanceStatus;
  /** Resolves when its process has been started (it may wait for others first: then with `starting`). */
  start(spec: InstanceSpec): Promise<InstanceStatus>;
  /** Resolves when nothing of it runs any more. */
  stop(id: string, graceMs?: number): Promise<InstanceStatus>;
  restart(id: string): Promise<InstanceStatus>;
  /** Stops and forgets it. */
  remove(id: string): Promise<void>;
  /** The signal ends the waiting, for those who have gone. */
  wait(id: string, condition: WaitCondition, timeoutMs: number, signal?: AbortSignal): Promise<InstanceStatus>;
  /** Environment and directory of an instance, for a terminal in its place. */
  place(id: string): { readonly env: Readonly<Record<string, string>>; readonly directory: string };
  /** Ends all, those first that others do not wait for, within `graceMs` together; keeps what shall run after the next boot. */
  close(graceMs: number): Promise<void>;
}

/** Called for each change of state, readiness or reason. */
export type OnStatus = (status: InstanceStatus) => void;
