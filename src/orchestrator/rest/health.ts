import type { Caller } from "../../model/api/access.ts";
import type { DoorState, WorkerView } from "../../model/kept.ts";
import type { Operations } from "../operations.ts";

/** What `/health/terminal` and `/health/websocket` answer; 200 when healthy, 503 when not. */
export interface HealthAnswer {
  readonly status: "healthy" | "unhealthy";
  readonly workers: Readonly<Record<string, DoorState>>;
}

/** Of one worker, which is asked now, or of all that shall run, as they were asked last. Rejects with WORKER_NOT_FOUND. */
export async function healthOf(
  operations: Operations,
  door: "terminal" | "websocket",
  worker: string | undefined,
  caller: Caller,
  nowMs: number,
): Promise<HealthAnswer> {
  const by = { caller, door: "api" } as const;
  if (worker !== undefined) {
    const { health } = await operations.call("workers.health", { workerName: worker }, by);
    return answer([[worker, health[door]]]);
  }
  const { workers } = await operations.call("workers.list", {}, by);
  const running = workers.filter(({ state }) => state !== "stopped" && state !== "gone");
  return answer(
    await Promise.all(running.map(async (view) => [view.worker, await stateOf(operations, view, door, by, nowMs)] as const)),
  );
}

async function stateOf(
  operations: Operations,
  { worker, state, why, health }: WorkerView,
  door: "terminal" | "websocket",
  by: { readonly caller: Caller; readonly door: "api" },
  nowMs: number,
): Promise<DoorState> {
  if (state !== "linked") return { healthy: false, reason: `it is ${state}: ${why}`, atMs: nowMs };
  if (health) return health[door];
  const asked = await operations.call("workers.health", { workerName: worker }, by);
  return asked.health[door];
}

function answer(states: readonly (readonly [string, DoorState])[]): HealthAnswer {
  const isHealthy = states.every(([, state]) => state.healthy);
  return { status: isHealthy ? "healthy" : "unhealthy", workers: Object.fromEntries(states) };
}
