import { setTimeout as sleep } from "node:timers/promises";
import { type Memory, memoryOf } from "./process-figures.ts";
import type { Subject } from "./subject.ts";

const SETTLE_MS = 10_000;

/** The memory of supervisors that were started just now, with one program that does nothing, each itself without it. */
export async function measureIdle(subjects: readonly Subject[]): Promise<ReadonlyMap<Subject, Memory>> {
  for (const subject of subjects) await subject.start("idle", ["/bin/sleep", "1000000"], true);
  await sleep(SETTLE_MS);
  const figures = new Map(subjects.map((subject) => [subject, memoryOf(subject.pid)]));
  for (const subject of subjects) await subject.remove("idle");
  return figures;
}
