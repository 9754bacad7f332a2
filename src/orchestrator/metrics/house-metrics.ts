import type { Caller } from "../../model/api/access.ts";
import { moduleStates } from "../../model/entry.ts";
import { instanceStates } from "../../model/instance.ts";
import type { WorkerView } from "../../model/kept.ts";
import type { Operations } from "../operations.ts";
import type { Metric } from "./exposition.ts";

type Samples = Metric["samples"];

/** What `/metrics` tells of the installation. */
export async function houseMetrics(operations: Operations, caller: Caller): Promise<readonly Metric[]> {
  const by = { caller, door: "api" } as const;
  const [house, { workers }, { processes }, { groups }, { modules }, { check }] = await Promise.all([
    operations.call("house.status", {}, by),
    operations.call("workers.list", {}, by),
    operations.call("process.list", {}, by),
    operations.call("groups.list", {}, by),
    operations.call("modules.list", {}, by),
    operations.call("contract.get", {}, by),
  ]);
  const counted = new Map<string, number>();
  for (const { worker, status } of processes) {
    const key = `${status.state} ${worker}`;
    counted.set(key, (counted.get(key) ?? 0) + 1);
  }
  const one = (value: number): Samples => [{ labels: {}, value }];
  const perGroup = (value: (group: (typeof groups)[number]) => number): Samples =>
    groups.map((group) => ({ labels: { group: group.folder }, value: value(group) }));

  return [
    gauge("novabot_info", "The release of NovaBot.", [{ labels: { version: house.version }, value: 1 }]),
    gauge("novabot_start_time_seconds", "When the orchestrator was started, seconds since 1970.", one(house.startedAtMs / 1000)),
    counter("novabot_entries_position", "The position of the newest entry; it grows with each, with holes.", one(house.position)),
    gauge("novabot_store_bytes", "Size of the database.", one(house.store.bytes)),
    gauge("novabot_store_log_rows", "Lines that are kept.", one(house.store.logRows)),
    gauge("novabot_store_healthy", "Whether the database takes what comes.", one(house.store.trouble === null ? 1 : 0)),
    gauge(
      "novabot_workers",
      "Workers by state.",
      Object.entries(house.workers).map(([state, value]) => ({ labels: { state }, value })),
    ),
    ...workerMetrics(workers),
    gauge(
      "novabot_processes",
      "Supervised processes by worker and state.",
      workers.flatMap(({ worker }) =>
        instanceStates.map((state) => ({ labels: { worker, state }, value: counted.get(`${state} ${worker}`) ?? 0 })),
      ),
    ),
    gauge(
      "novabot_process_restarts",
      "Restarts of a process since somebody started it.",
      processes.map(({ worker, container, instance, status }) => ({
        labels: { worker, container, instance },
        value: status.restarts,
      })),
    ),
    counter(
      "novabot_group_runs_total",
      "Runs of a group's agent that are kept.",
      perGroup(({ runs }) => runs),
    ),
    counter(
      "novabot_group_cost_usd_total",
      "What a group's runs cost, as far as prices are known.",
      perGroup(({ costUSD }) => costUSD),
    ),
    gauge(
      "novabot_group_waiting_messages",
      "Messages that wait for a group's agent.",
      perGroup(({ live }) => live?.waiting ?? 0),
    ),
    gauge(
      "novabot_modules",
      "Modules by state.",
      modules.length === 0
        ? []
        : moduleStates.map((state) => ({ labels: { state }, value: modules.filter((module) => module.state === state).length })),
    ),
    gauge("novabot_contract_broken", "Rules that the last live check found broken.", check ? one(check.broken) : []),
    gauge("novabot_contract_unknown", "Rules that the last live check could not decide.", check ? one(check.unknown) : []),
  ];
}

function workerMetrics(workers: readonly WorkerView[]): readonly Metric[] {
  const each = (value: (worker: WorkerView) => number): Samples =>
    workers.map((worker) => ({ labels: { worker: worker.worker }, value: value(worker) }));
  return [
    gauge(
      "novabot_worker_linked",
      "Whether the link to a worker stands.",
      each(({ state }) => (state === "linked" ? 1 : 0)),
    ),
    gauge(
      "novabot_worker_door_healthy",
      "Whether a worker's door answered when it was asked last.",
      workers.flatMap(({ worker, health }) =>
        health
          ? (["terminal", "websocket"] as const).map((door) => ({
              labels: { worker, door },
              value: health[door].healthy ? 1 : 0,
            }))
          : [],
      ),
    ),
    gauge(
      "novabot_worker_log_rows",
      "Lines of a worker that are kept.",
      each(({ logs }) => logs.rows),
    ),
    gauge(
      "novabot_worker_log_bytes",
      "Bytes of a worker's lines that are kept.",
      each(({ logs }) => logs.bytes),
    ),
  ];
}

function gauge(name: string, help: string, samples: Samples): Metric {
  return { name, help, type: "gauge", samples };
}

function counter(name: string, help: string, samples: Samples): Metric {
  return { name, help, type: "counter", samples };
}
