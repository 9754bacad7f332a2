import type { Which } from "../../model/api/calls.ts";
import { NovaError, quote } from "../../model/errors.ts";
import type { ProcessView } from "../../model/kept.ts";
import type { World } from "./world.ts";

/** Where something is, as `candidates` of an AMBIGUOUS name it. */
export interface Place {
  readonly worker: string;
  readonly container: string;
}

type Known = Pick<World, "store" | "links">;

/** Whether this is the container that the worker has now, and its link stands. */
export function isLinked({ links }: Pick<World, "links">, { worker, container }: Place): boolean {
  const now = links.state(worker);
  return now?.state === "linked" && now.container === container;
}

export function viewed(world: Known, process: Omit<ProcessView, "linked">): ProcessView {
  return { ...process, linked: isLinked(world, process) };
}

/** The one process that is meant. Rejects with INSTANCE_NOT_FOUND or AMBIGUOUS. */
export async function findProcess(world: Known, which: Which): Promise<ProcessView> {
  const found = present(world, await processesOf(world, which));
  const [first, ...others] = found;
  if (first === undefined) throw notFound(which);
  if (others.length > 0) throw ambiguous(`the process ${quote(which.instanceId)}`, found);
  return viewed(world, first);
}

/**
 * Whose lines and errors are meant: one worker, and all containers that it had unless one is named. An instance that was removed is found by the lines
 * that are kept of it.
 */
export async function findHistory(world: Known, which: Which): Promise<{ readonly worker: string; readonly container?: string }> {
  const { instanceId, container } = which;
  const processes = await processesOf(world, which);
  const found: readonly Place[] = processes.length > 0 ? processes : await placesOfLines(world, which);
  const [first] = found;
  if (first === undefined) throw notFound(which);
  if (found.some(({ worker }) => worker !== first.worker)) throw ambiguous(`the process ${quote(instanceId)}`, found);
  return { worker: first.worker, ...(container === undefined ? {} : { container }) };
}

/** What an instance of a worker has to be told through. Throws WORKER_UNREACHABLE when the container that is named is not the worker's present one. */
export function checkPresent({ links }: Known, { worker, container }: Place): void {
  const now = links.state(worker);
  if (now && now.container !== null && now.container !== container)
    throw new NovaError(
      "WORKER_UNREACHABLE",
      `the worker ${quote(worker)} has the container ${quote(now.container)} now, not ${quote(container)}`,
      { place: "container", next: "Leave `container` out, or name the present one." },
    );
}

export function ambiguous(what: string, candidates: readonly Place[]): NovaError {
  const workers = candidates.map(({ worker, container }) => `${worker} (${container})`);
  return new NovaError("AMBIGUOUS", `${what} is in ${workers.length} places: ${workers.slice(0, 10).join(", ")}`, {
    facts: { candidates: candidates.map(({ worker, container }) => ({ worker, container })) },
  });
}

/** Those of containers that their workers have now; all where none is. */
function present<Item extends Place>({ links }: Known, found: readonly Item[]): readonly Item[] {
  const here = found.filter(({ worker, container }) => links.state(worker)?.container === container);
  return here.length > 0 ? here : found;
}

async function processesOf(
  { store }: Known,
  { instanceId, worker, container }: Which,
): Promise<readonly Omit<ProcessView, "linked">[]> {
  return await store.processes({
    instance: instanceId,
    ...(worker === undefined ? {} : { workers: [worker] }),
    ...(container === undefined ? {} : { containers: [container] }),
  });
}

async function placesOfLines({ store }: Known, { instanceId, worker, container }: Which): Promise<readonly Place[]> {
  const { items } = await store.logs({
    instances: [instanceId],
    ...(worker === undefined ? {} : { workers: [worker] }),
    ...(container === undefined ? {} : { containers: [container] }),
    limit: 1,
  });
  return items.flatMap((item) =>
    item.worker === null || item.container === null ? [] : [{ worker: item.worker, container: item.container }],
  );
}

function notFound({ instanceId, worker, container }: Which): NovaError {
  const where = [
    worker === undefined ? [] : `worker ${quote(worker)}`,
    container === undefined ? [] : `container ${quote(container)}`,
  ];
  const place = where.flat().join(", ");
  return new NovaError("INSTANCE_NOT_FOUND", `no process ${quote(instanceId)} is known${place === "" ? "" : ` of ${place}`}`, {
    place: "instanceId",
    next: "See `GET /api/monitoring/processes` (`novabot ps`) for those that are.",
  });
}
