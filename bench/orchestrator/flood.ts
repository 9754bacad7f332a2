import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openSQLiteStore } from "../../src/store/sqlite/open.ts";
import { median, percentile } from "../table.ts";
import { batchOf } from "./lines.ts";

/** What a collector hands on at most at once. */
const BATCH = 10_000;
/** The worker beside it: so many lines every so often. */
const CALM_BATCH = 100;
const EVERY_MS = 20;
const LOOK_MS = 250;

/** One worker sends as fast as it is let, far beyond its bounds, with the index and retention going on; another sends little: what is kept, and who waits. */
export async function measureFlood(seconds: number, maxRows: number, say: (text: string) => void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "novabot-bench-flood-"));
  const bounds = { maxAgeMs: null, maxRows, maxBytes: null };
  const store = await openSQLiteStore({ file: join(directory, "orchestrator.db"), bounds });
  try {
    const signal = AbortSignal.timeout(seconds * 1_000);
    let sent = 0;
    let calm = 0;
    let most = 0;
    const waits: number[] = [];
    const flood = async (): Promise<void> => {
      for (let batch = 0; !signal.aborted; batch += 1) {
        await store.keep(batchOf(0, batch, BATCH));
        sent += BATCH;
      }
    };
    const write = async (): Promise<void> => {
      for (; !signal.aborted; calm += 1) {
        const began = performance.now();
        await store.keep(batchOf(1, calm, CALM_BATCH));
        waits.push(performance.now() - began);
        await sleep(EVERY_MS);
      }
    };
    const index = async (): Promise<void> => {
      for (; !signal.aborted; await sleep(1_000)) await store.index(signal);
    };
    const look = async (): Promise<void> => {
      for (; !signal.aborted; await sleep(LOOK_MS)) {
        const before = calm;
        most = Math.max(most, (await store.size()).logRows - before * CALM_BATCH);
      }
    };
    await Promise.all([flood(), write(), index(), look()]);
    say(`A worker sent lines as fast as it was let for ${seconds} s, with a bound of ${maxRows.toLocaleString("en")}:`);
    say(`${(sent / seconds).toFixed(0)} rows/s were taken in, and at most ${most.toLocaleString("en")} kept.`);
    say(
      `A batch of ${CALM_BATCH} lines of another waited ${median(waits).toFixed(1)} ms at the median, ${percentile(waits, 0.99).toFixed(1)} at the 99th percentile.`,
    );
    say(`Aim: at most a tenth, and one batch, beyond the bound: ${most <= maxRows * 1.1 + BATCH ? "met" : "missed"}.\n`);
  } finally {
    await store.close();
    rmSync(directory, { recursive: true });
  }
}
