import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { openSQLiteStore } from "../../src/store/sqlite/open.ts";
import type { SourcedBatch } from "../../src/store/store.ts";
import { median, table } from "../table.ts";
import { batchesOf } from "./lines.ts";

/** Of one commit of the plain loop: what a collector hands on at most at once. */
const PLAIN_COMMIT_ROWS = 10_000;

interface Figures {
  readonly rowsPerSecond: number[];
  readonly processorUs: number[];
}

/** Lines taken into the store, by how many workers send them, against a loop that inserts the same rows into the same table and does nothing else. */
export async function measureIngest(rows: number, rounds: number, say: (text: string) => void): Promise<void> {
  const single = batchesOf(1, rows, 10_000);
  const subjects: readonly { readonly name: string; readonly run: (file: string) => Promise<number> }[] = [
    { name: "plain insert loop, this thread", run: (file) => plain(file, single.flat()) },
    { name: "store, 1 worker by 10,000", run: (file) => throughStore(file, single) },
    ...[
      { workers: 20, each: 1_000 },
      { workers: 200, each: 100 },
    ].map(({ workers, each }) => {
      const batches = batchesOf(workers, rows, each);
      return {
        name: `store, ${workers} workers by ${each.toLocaleString("en")}`,
        run: (file: string) => throughStore(file, batches),
      };
    }),
  ];
  const figures = new Map<string, Figures>(subjects.map(({ name }) => [name, { rowsPerSecond: [], processorUs: [] }]));
  for (let round = 0; round <= rounds; round += 1) {
    for (let index = 0; index < subjects.length; index += 1) {
      const subject = subjects[(index + round) % subjects.length];
      if (subject === undefined) continue;
      const directory = mkdtempSync(join(tmpdir(), "novabot-bench-ingest-"));
      try {
        const before = process.cpuUsage();
        const milliseconds = await subject.run(join(directory, "orchestrator.db"));
        const used = process.cpuUsage(before);
        if (round === 0) continue;
        figures.get(subject.name)?.rowsPerSecond.push((rows / milliseconds) * 1_000);
        figures.get(subject.name)?.processorUs.push((used.user + used.system) / rows);
      } finally {
        rmSync(directory, { recursive: true });
      }
    }
  }
  say(
    `${rows.toLocaleString("en")} lines of about 100 bytes, each commit on the disk; medians of ${rounds} rounds by turns after one more.`,
  );
  say("Processor time is the whole process's, with opening and closing; the store also tells each line to one listener.\n");
  say(
    table(
      ["way", "rows/s", "best", "processor µs a row"],
      [...figures].map(([name, { rowsPerSecond, processorUs }]) => [
        name,
        median(rowsPerSecond).toFixed(0),
        Math.max(...rowsPerSecond).toFixed(0),
        median(processorUs).toFixed(1),
      ]),
    ),
  );
  const rates = [...figures.values()].map(({ rowsPerSecond }) => median(rowsPerSecond));
  const [loop = 0, one = 0] = rates;
  const least = Math.min(...rates.slice(1));
  say(`\nAim: at least the plain loop: ${one >= loop ? "met" : "missed"} (${(one / loop).toFixed(2)} times).`);
  say(`Aim: 100,000 rows/s, however many workers: ${least >= 100_000 ? "met" : "missed"} (${least.toFixed(0)}).\n`);
}

async function plain(file: string, batches: readonly SourcedBatch[]): Promise<number> {
  await (await openSQLiteStore({ file })).close();
  const database = new Database(file);
  database.pragma("synchronous = FULL");
  const insert = database.prepare("insert into logs values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const began = performance.now();
  let position = 0;
  let inCommit = 0;
  database.exec("BEGIN");
  for (const { worker, container, bootID, records } of batches) {
    for (const record of records) {
      if (record.kind !== "log") continue;
      const { seq, atMs, instance, stream, level, text } = record;
      position += 1;
      insert.run(position, worker, container, bootID, seq, atMs, instance, stream, level, text, null);
      inCommit += 1;
      if (inCommit < PLAIN_COMMIT_ROWS) continue;
      database.exec("COMMIT; BEGIN");
      inCommit = 0;
    }
  }
  database.exec("COMMIT");
  const milliseconds = performance.now() - began;
  database.close();
  return milliseconds;
}

/** Each worker sends its next batch when the one before is acknowledged. */
async function throughStore(file: string, workers: readonly (readonly SourcedBatch[])[]): Promise<number> {
  // Bounds as an installation has them when nothing is said: the lines are looked at as they come.
  const store = await openSQLiteStore({ file, bounds: { maxAgeMs: null, maxRows: 5_000_000, maxBytes: 2 ** 31 } });
  let told = 0;
  store.listen((entries) => void (told += entries.length));
  const began = performance.now();
  await Promise.all(
    workers.map(async (batches) => {
      for (const batch of batches) await store.keep(batch);
    }),
  );
  const milliseconds = performance.now() - began;
  const sent = workers.flat().reduce((sum, { records }) => sum + records.length, 0);
  if (told !== sent || (await store.size()).logRows !== sent) throw new Error(`${sent} lines were sent, ${told} were told`);
  await store.close();
  return milliseconds;
}
