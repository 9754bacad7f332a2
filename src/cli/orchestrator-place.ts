import { type Command, InvalidArgumentError } from "commander";
import type { Client } from "../client/client.ts";
import { NovaError, quote } from "../model/errors.ts";
import { parseInstance } from "../model/option-values.ts";

/** `WORKER`, or `WORKER/INSTANCE`. */
export interface Place {
  readonly worker: string;
  readonly instance?: string;
}

export function parsePlace(text: string): Place {
  const [worker = "", instance, ...more] = text.split("/");
  if (more.length > 0) throw new InvalidArgumentError(`${quote(text)} is no place; say WORKER or WORKER/INSTANCE.`);
  return { worker: parseInstance(worker), ...(instance === undefined ? {} : { instance: parseInstance(instance) }) };
}

/** Adds the argument `[place]` and the options that say the same of several. */
export function addPlace(command: Command): Command {
  return command
    .argument("[place]", "WORKER or WORKER/INSTANCE (default: all)", parsePlace)
    .option("-w, --workers <names>", "which workers, with commas between them", parseNameList)
    .option("-i, --instance-id <ids>", "which processes, with commas between them", parseNameList);
}

export interface PlaceOptions {
  readonly workers?: readonly string[];
  readonly instanceId?: readonly string[];
}

/** The workers and instances that a command line means; what is not said is no condition. */
export function placesOf(
  place: Place | undefined,
  options: PlaceOptions,
): { readonly workers?: readonly string[]; readonly instances?: readonly string[] } {
  const workers = [...(place ? [place.worker] : []), ...(options.workers ?? [])];
  const instances = [...(place?.instance === undefined ? [] : [place.instance]), ...(options.instanceId ?? [])];
  return { ...(workers.length > 0 ? { workers } : {}), ...(instances.length > 0 ? { instances } : {}) };
}

/** Nothing was found, so it is told whether the worker is known at all. Throws WORKER_NOT_FOUND or INSTANCE_NOT_FOUND. */
export async function checkPlace(client: Client, place: Place | undefined): Promise<void> {
  if (!place) return;
  const { workers } = await client.call("workers.list", {});
  const known = workers.map(({ worker }) => worker);
  if (!known.includes(place.worker))
    throw new NovaError("WORKER_NOT_FOUND", `The orchestrator knows no worker ${quote(place.worker)}.`, {
      place: "[place]",
      next: known.length > 0 ? `It knows: ${known.join(", ")}.` : "Start one: `novabot worker start NAME -- CMD…`.",
    });
  if (place.instance === undefined) return;
  const { processes } = await client.call("process.list", { workers: [place.worker] });
  const ids = processes.map(({ instance }) => instance);
  if (!ids.includes(place.instance))
    throw new NovaError("INSTANCE_NOT_FOUND", `The worker ${quote(place.worker)} has no process ${quote(place.instance)}.`, {
      place: "[place]",
      next: ids.length > 0 ? `It has: ${ids.join(", ")}.` : "It has none; see `novabot ps`.",
    });
}

function parseNameList(text: string, before: readonly string[] = []): string[] {
  return [...new Set([...before, ...text.split(",").map((word) => parseInstance(word.trim()))])];
}
