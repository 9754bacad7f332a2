import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LogQuery } from "../../src/model/kept.ts";
import { openSQLiteStore } from "../../src/store/sqlite/open.ts";
import type { Store } from "../../src/store/store.ts";
import { median, percentile, table } from "../table.ts";
import { batchOf, RARE } from "./lines.ts";
import { measureRetention } from "./retention.ts";

const WORKERS = 50;
const BATCH = 1_000;
const ROUNDS = 50;

/** Reading where many lines are kept and indexed, and taking half of them out again. */
export async function measureQueries(rows: number, say: (text: string) => void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "novabot-bench-queries-"));
  try {
    const store = await openSQLiteStore({ file: join(directory, "orchestrator.db") });
    const filled = performance.now();
    for (let batch = 0; batch < rows / WORKERS / BATCH; batch += 1)
      await Promise.all(Array.from({ length: WORKERS }, (_, worker) => store.keep(batchOf(worker, batch, BATCH))));
    const indexing = performance.now();
    await store.index(new AbortController().signal);
    const done = performance.now();
    const { bytes, logRows } = await store.size();
    const rate = (milliseconds: number): string => ((logRows / milliseconds) * 1_000).toFixed(0);
    say(
      `${logRows.toLocaleString("en")} lines of ${WORKERS} workers with two instances each, ${(bytes / 1e9).toFixed(1)} GB with their index.`,
    );
    say(`Taken in at ${rate(indexing - filled)} rows/s, indexed behind that at ${rate(done - indexing)} rows/s.\n`);

    const one = { workers: ["worker-7"], instances: ["web"] };
    const newest = await store.logs({ limit: 1 });
    const asked: readonly (readonly [name: string, aimMs: number | null, query: LogQuery])[] = [
      ["last 1000 lines of an instance", 10, { ...one, limit: 1000 }],
      ["1000 lines of it, half-way back", 10, { ...one, limit: 1000, before: Math.floor((newest.last ?? 0) / 2) }],
      ["last 100 lines of all", 10, { limit: 100 }],
      ["a word that is in each line", 100, { search: "answered", limit: 100 }],
      [`a word of one line in ${RARE.oneIn.toLocaleString("en")}`, 100, { search: RARE.word, limit: 100 }],
      ["a phrase", 100, { search: '"answered 200" retry', limit: 100 }],
      ["the beginning of a word", 100, { search: "user-49*", limit: 100 }],
      ["a rare word in an instance", 100, { ...one, search: RARE.word, limit: 100 }],
      ["two words in an instance", 100, { ...one, search: "delete fallback", limit: 100 }],
      ["a word that is in none", 100, { search: "nowhere", limit: 100 }],
      ["any text, in no line", null, { contains: "nowhere to be found", limit: 100 }],
    ];
    const figures: string[][] = [];
    for (const [name, aimMs, query] of asked) {
      const { times, lines } = await measure(store, query, aimMs === null ? 5 : ROUNDS);
      const middle = median(times);
      const judged = aimMs === null ? "" : `under ${aimMs}: ${middle < aimMs ? "met" : "missed"}`;
      figures.push([name, String(lines), middle.toFixed(1), percentile(times, 0.99).toFixed(1), judged]);
    }
    say(table(["question", "lines", "median ms", "99th percentile", "aim"], figures));
    say("");
    await measureRetention(store, rows / WORKERS / 2, say);
    await store.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function measure(store: Store, query: LogQuery, rounds: number): Promise<{ times: number[]; lines: number }> {
  const times: number[] = [];
  let lines = 0;
  for (let round = 0; round <= rounds; round += 1) {
    const began = performance.now();
    lines = (await store.logs(query)).items.length;
    if (round > 0) times.push(performance.now() - began);
  }
  return { times, lines };
}
