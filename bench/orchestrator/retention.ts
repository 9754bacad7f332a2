import { setTimeout as sleep } from "node:timers/promises";
import type { Store } from "../../src/store/store.ts";
import { median, percentile } from "../table.ts";
import { batchOf } from "./lines.ts";

/** Beyond those that the store was filled with. */
const WRITER = 1_000;
const BATCH = 100;
const EVERY_MS = 20;

/** Takes out most of what is kept, a given number of rows for each worker, while another worker goes on writing: how long it waits meanwhile. */
export async function measureRetention(store: Store, maxRows: number, say: (text: string) => void): Promise<void> {
  const waits = async (while_: AbortSignal, from: number): Promise<{ times: number[]; next: number }> => {
    const times: number[] = [];
    let batch = from;
    for (; !while_.aborted; batch += 1) {
      const began = performance.now();
      await store.keep(batchOf(WRITER, batch, BATCH));
      times.push(performance.now() - began);
      await sleep(EVERY_MS);
    }
    return { times, next: batch };
  };
  const before = await waits(AbortSignal.timeout(3_000), 0);
  const done = new AbortController();
  const meanwhile = waits(done.signal, before.next);
  const began = performance.now();
  const gone = await store.retain({ maxAgeMs: null, maxRows, maxBytes: null }, Date.now(), new AbortController().signal);
  const milliseconds = performance.now() - began;
  done.abort();
  const { times } = await meanwhile;
  const told = (all: readonly number[]): string =>
    `${median(all).toFixed(1)} ms at the median, ${percentile(all, 0.99).toFixed(1)} at the 99th percentile`;
  say(
    `Retention took ${gone.toLocaleString("en")} rows out, with their words, at ${((gone / milliseconds) * 1_000).toFixed(0)} rows/s.`,
  );
  say(`A batch of ${BATCH} lines waited ${told(times)} meanwhile; without it ${told(before.times)}.\n`);
}
