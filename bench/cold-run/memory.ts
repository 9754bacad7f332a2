import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { labels } from "../../src/engine/spec.ts";
import { WAIT_PROMPT } from "./agent-image.ts";
import { group, inputFor, type Bed } from "./bed.ts";
import { startDocker } from "./docker-cli.ts";

const FIRST = 5;

export interface PerRun {
  readonly rssKiB: number;
  /** Shared pages counted in parts. */
  readonly pssKiB: number;
}

/** Kibibytes of a process: resident, and its share of what it shares. */
function memoryOf(pid: number): PerRun {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const field = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(rollup)?.[1] ?? Number.NaN);
  return { rssKiB: field("Rss"), pssKiB: field("Pss") };
}

/** Resolves when so many containers of the bed run. */
async function running(bed: Bed, count: number): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const alive = (await bed.engine.list({ [labels.home]: bed.home.label })).filter((one) => one.running);
    if (alive.length >= count) return;
    if (Date.now() > deadline) throw new Error(`only ${alive.length} of ${count} containers run`);
    await sleep(100);
  }
}

/** What this process grows by for each live run of NovaBot: the slope between a few and `count`, after garbage collection. */
export async function novabotMemory(bed: Bed, count: number): Promise<PerRun> {
  const stop = new AbortController();
  const runs: Promise<unknown>[] = [];
  const start = async (upTo: number): Promise<PerRun> => {
    while (runs.length < upTo) {
      const run = bed.installation.runs.run({ group: group(`memory-${runs.length}`), prompt: WAIT_PROMPT, signal: stop.signal });
      run.catch(() => undefined);
      runs.push(run);
    }
    await running(bed, upTo);
    await sleep(500);
    for (let round = 0; round < 3; round += 1) globalThis.gc?.();
    return memoryOf(process.pid);
  };
  try {
    const few = await start(FIRST);
    const many = await start(count);
    const runsBetween = count - FIRST;
    return { rssKiB: (many.rssKiB - few.rssKiB) / runsBetween, pssKiB: (many.pssKiB - few.pssKiB) / runsBetween };
  } finally {
    for (const { id } of await bed.engine.list({ [labels.home]: bed.home.label })) await bed.engine.kill(id, "SIGKILL");
    await Promise.allSettled(runs);
  }
}

/** What one `docker run` process holds while its container lives: the mean of `count`. */
export async function dockerMemory(bed: Bed, socket: string, count: number): Promise<PerRun> {
  const children: ChildProcess[] = [];
  try {
    for (let index = 0; index < count; index += 1) {
      const of = group("memory");
      children.push(startDocker(socket, await bed.spec(of), inputFor(of, WAIT_PROMPT)));
    }
    await running(bed, count);
    const all = children.map((child) => memoryOf(child.pid ?? -1));
    return {
      rssKiB: all.reduce((sum, one) => sum + one.rssKiB, 0) / count,
      pssKiB: all.reduce((sum, one) => sum + one.pssKiB, 0) / count,
    };
  } finally {
    for (const { id } of await bed.engine.list({ [labels.home]: bed.home.label })) await bed.engine.kill(id, "SIGKILL");
    await Promise.all(children.map(closed));
  }
}

function closed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once("close", () => resolve());
  });
}
