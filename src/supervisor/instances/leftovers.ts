import { belongings, type Traits } from "./belongings.ts";
import { endProcesses } from "./end-processes.ts";
import type { Grace } from "./grace.ts";
import { MARKER_VARIABLE, readMarker } from "./marker.ts";
import { type ProcessID, readProcesses, variableOf } from "./processes.ts";

/** Instances of which processes of these earlier boots run yet, by their markers. */
export function leftInstances(boots: ReadonlySet<string>): Set<string> {
  const instances = new Set<string>();
  for (const { pid } of readProcesses().values()) {
    const marker = readMarker(variableOf(pid, MARKER_VARIABLE) ?? "");
    if (marker !== null && boots.has(marker.bootID)) instances.add(marker.instance);
  }
  return instances;
}

/** Ends what an earlier supervisor, which was killed, left of an instance. Gives how many processes that were. */
export async function endLeftovers(
  instance: string,
  boots: ReadonlySet<string>,
  leader: ProcessID | null,
  grace: Grace,
  tell: (message: string) => void,
): Promise<number> {
  const traits: Traits = {
    startedBefore: 0,
    leader,
    isMarker: (marker) => marker.instance === instance && boots.has(marker.bootID),
    pipes: new Set(),
    port: null,
  };
  const seen = new Set<number>();
  const find = (): ReturnType<typeof belongings> => {
    const left = belongings(traits);
    for (const { pid } of left) seen.add(pid);
    return left;
  };
  const beyond = (pids: readonly number[]): void =>
    tell(`Processes ${pids.join(", ")}, left of ${instance} by an earlier supervisor, do not end although they were killed.`);
  const { beyondReach } = await endProcesses(find, grace, beyond, () => false);
  if (beyondReach.length > 0) {
    tell(`Processes ${beyondReach.join(", ")}, left of ${instance} by an earlier supervisor, belong to another user.`);
  }
  return seen.size;
}
