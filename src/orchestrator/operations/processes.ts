import type { APIParams } from "../../model/api/calls.ts";
import { NovaError, quote } from "../../model/errors.ts";
import type { InstanceSpec, InstanceStatus } from "../../model/instance.ts";
import { instanceSpecSchema } from "../../model/instance.ts";
import type { ProcessView } from "../../model/kept.ts";
import { ambiguous, checkPresent, findProcess, type Place, viewed } from "./instances.ts";
import { untilKept } from "./until-kept.ts";
import type { Asked, Carried, World } from "./world.ts";

/** Of a start without a time of the caller's own: as long as a worker waits by itself. */
const START_TIMEOUT_MS = 60_000;

export function processCalls(
  world: World,
): Carried<"process.list" | "process.status" | "process.start" | "process.stop" | "process.restart"> {
  const { store, links, now } = world;
  const answer = async ({ worker, container }: Place, status: InstanceStatus): Promise<ProcessView> => {
    const view = viewed(world, { worker, container, instance: status.id, asOfMs: now(), status });
    await untilKept(store, view);
    return view;
  };
  /** The process that a change is for, which the audit row then names. */
  const subject = async (which: APIParams<"process.status">, { about }: Asked): Promise<ProcessView> => {
    about({ subject: which.instanceId, worker: which.worker ?? null, container: which.container ?? null });
    const process = await findProcess(world, which);
    about({ worker: process.worker, container: process.container });
    checkPresent(world, process);
    return process;
  };

  return {
    "process.list": async (filter) => {
      const processes = await store.processes(filter);
      return { processes: processes.map((process) => viewed(world, process)) };
    },

    "process.status": async (which) => await findProcess(world, which),

    "process.start": async ({ spec, wait, timeoutMs, ...which }, asked) => {
      const waiting = wait === undefined ? {} : { wait, timeoutMs: timeoutMs ?? START_TIMEOUT_MS };
      if (spec) {
        asked.about({ subject: which.instanceId, worker: which.worker ?? null, facts: specFacts(spec) });
        const place = await placeOfNew(world, which);
        asked.about(place);
        const whole = instanceSpecSchema.parse({ ...spec, id: which.instanceId });
        return await answer(place, await links.call(place.worker, "process.start", { spec: whole, ...waiting }, asked.signal));
      }
      const process = await subject(which, asked);
      const id = process.instance;
      const { state } = await links.call(process.worker, "process.status", { id }, asked.signal);
      if (state !== "stopped" && state !== "crashed")
        throw new NovaError("INSTANCE_RUNNING", `the process ${quote(id)} of the worker ${quote(process.worker)} is ${state}`);
      const status = await links.call(process.worker, "process.restart", { id }, asked.signal);
      if (wait === undefined) return await answer(process, status);
      const params = { id, for: wait, timeoutMs: timeoutMs ?? START_TIMEOUT_MS };
      return await answer(process, await links.call(process.worker, "process.wait", params, asked.signal));
    },

    "process.stop": async ({ graceMs, ...which }, asked) => {
      const process = await subject(which, asked);
      const params = { id: process.instance, ...(graceMs === undefined ? {} : { graceMs }) };
      return await answer(process, await links.call(process.worker, "process.stop", params, asked.signal));
    },

    "process.restart": async (which, asked) => {
      const process = await subject(which, asked);
      return await answer(process, await links.call(process.worker, "process.restart", { id: process.instance }, asked.signal));
    },
  };
}

/** Where a process that is new, or takes an old one's place, belongs: to the worker that is named, or has it, or is the only one. */
async function placeOfNew(world: World, { instanceId, worker, container }: APIParams<"process.status">): Promise<Place> {
  const { store, links } = world;
  const workers = (await store.workers()).map((one) => one.worker);
  const linked = workers.flatMap((one) => {
    const now = links.state(one);
    return now?.state === "linked" && now.container !== null ? [{ worker: one, container: now.container }] : [];
  });
  const fitting = linked.filter(
    (place) => (worker === undefined || place.worker === worker) && (container === undefined || place.container === container),
  );
  if (fitting.length > 1) {
    const having = await store.processes({ instance: instanceId });
    const those = fitting.filter((place) =>
      having.some((process) => process.worker === place.worker && process.container === place.container),
    );
    const [only, ...others] = those;
    if (only && others.length === 0) return only;
    throw ambiguous(`where ${quote(instanceId)} shall run`, those.length > 0 ? those : fitting);
  }
  const [only] = fitting;
  if (only) return only;
  if (worker !== undefined && !links.state(worker))
    throw new NovaError("WORKER_NOT_FOUND", `there is no worker ${quote(worker)}`, { place: "worker" });
  const wanted = [
    worker === undefined ? [] : quote(worker),
    container === undefined ? [] : `with the container ${quote(container)}`,
  ];
  throw new NovaError("WORKER_UNREACHABLE", `no worker ${wanted.flat().join(" ")} is linked`.replace("  ", " "));
}

/** What an audit row tells of a spec: of its environment the names alone, for values may be secrets. */
function specFacts(spec: Omit<Partial<InstanceSpec>, "id">): Readonly<Record<string, unknown>> {
  const { argv, directory, port, env } = spec;
  return { argv, directory, port: port ?? null, env: Object.keys(env ?? {}) };
}
