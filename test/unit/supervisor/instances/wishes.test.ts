import { expect, it } from "vitest";
import { NovaError } from "../../../../src/model/errors.ts";
import { leftInstances } from "../../../../src/supervisor/instances/leftovers.ts";
import { MARKER_VARIABLE, readMarker } from "../../../../src/supervisor/instances/marker.ts";
import { readProcesses, variableOf } from "../../../../src/supervisor/instances/processes.ts";
import { seededRandom } from "../../../fixtures/seeded-random.ts";
import { openHouse, shell } from "./house.ts";

/** Which starts of each instance have living processes. */
function livingStarts(bootID: string): Map<string, Set<number>> {
  const starts = new Map<string, Set<number>>();
  for (const { pid, alive } of readProcesses().values()) {
    const marker = alive ? readMarker(variableOf(pid, MARKER_VARIABLE) ?? "") : null;
    if (marker?.bootID !== bootID) continue;
    starts.set(marker.instance, (starts.get(marker.instance) ?? new Set()).add(marker.start));
  }
  return starts;
}

const programs = [
  "exec sleep 3600",
  "exit 0",
  "exit 3",
  "sleep 0.02; exit 1",
  "trap '' TERM; setsid sleep 3600 & sleep 3600",
  "setsid sleep 3600 & exit 1",
  "trap 'sleep 0.02; exit 0' TERM; while :; do sleep 0.01; done",
];

it.each([1, 2, 3, 4])(
  "answers every call and never has two starts of one instance at once, whatever comes when (seed %i)",
  async (seed) => {
    const random = seededRandom(seed);
    const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
    const house = await openHouse({ random });
    const { instances } = house;
    const ids = ["a", "b", "c"];
    const calls: Promise<unknown>[] = [];
    const doubled: string[] = [];
    for (let count = 0; count < 120; count += 1) {
      const id = pick(ids);
      const after = random() < 0.3 ? ids.filter((one) => one > id && instances.list().some((known) => known.id === one)) : [];
      const restart = { delayMs: pick([0, 5]), maxDelayMs: 10, maxRestarts: pick([1, 5, null]) };
      const spec = shell(id, pick(programs), { stopGraceMs: 30, restart, after });
      const call = pick([
        () => instances.start(spec),
        () => instances.start(spec),
        () => instances.restart(id),
        () => instances.stop(id, pick([0, 10, 1_000])),
        () => instances.wait(id, pick(["running", "ready", "stopped"] as const), 50),
        ...(random() < 0.2 ? [() => instances.remove(id)] : []),
      ]);
      calls.push(call().catch((thrown: unknown) => thrown));
      if (random() < 0.5) await new Promise((resolve) => setTimeout(resolve, random() * 15));
      for (const [instance, starts] of livingStarts(house.bootID)) if (starts.size > 1) doubled.push(instance);
    }
    const answers = await Promise.all(calls);
    const failures = answers.filter((answer) => answer instanceof Error);
    expect(failures.filter((failure) => !(failure instanceof NovaError))).toEqual([]);
    expect(doubled).toEqual([]);
    await instances.close(3_000);
    expect(leftInstances(new Set([house.bootID]))).toEqual(new Set());
    expect(instances.list().filter(({ state, pid }) => pid !== null || !["stopped", "crashed"].includes(state))).toEqual([]);
  },
);
