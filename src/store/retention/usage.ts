import type { Database, Done } from "../database.ts";
import type { Retention } from "../store.ts";
import { build } from "../tables.ts";

/** What is kept of a worker's lines. */
export interface Kept {
  readonly rows: number;
  readonly bytes: number;
  /** Up to here none of its lines are left. */
  readonly from: number;
}

const NOTHING: Kept = { rows: 0, bytes: 0, from: 0 };

/** The table `usage` as it is on the disk, in memory: it is asked with every batch. */
export class Usage {
  readonly #kept = new Map<string, Kept>();
  /** Of those that were there at the beginning, the least that they have had since. */
  readonly #least = new Map<string, Pick<Kept, "rows" | "bytes">>();

  static async read(database: Pick<Database, "read">): Promise<Usage> {
    const usage = new Usage();
    usage.note(await database.read(build.selectFrom("usage").selectAll().compile()));
    for (const [worker, kept] of usage.#kept) usage.#least.set(worker, kept);
    return usage;
  }

  /** Takes rows of the table as a statement that changed them gave them, in the order of the commits. */
  note(rows: Done["rows"]): void {
    for (const row of rows) {
      const worker = String(row["worker_name"]);
      const kept = { rows: Number(row["log_rows"]), bytes: Number(row["log_bytes"]), from: Number(row["lines_from"]) };
      this.#kept.set(worker, kept);
      const least = this.#least.get(worker);
      if (least) this.#least.set(worker, { rows: Math.min(least.rows, kept.rows), bytes: Math.min(least.bytes, kept.bytes) });
    }
  }

  of(worker: string): Kept {
    return this.#kept.get(worker) ?? NOTHING;
  }

  /** The least that it has had since this was read; nothing for one that came since. */
  leastOf(worker: string): Pick<Kept, "rows" | "bytes"> {
    return this.#least.get(worker) ?? NOTHING;
  }

  /** Whether the worker has more than that many times the bounds. */
  isBeyond(worker: string, { maxRows, maxBytes }: Pick<Retention, "maxRows" | "maxBytes">, times = 1): boolean {
    const { rows, bytes } = this.of(worker);
    return (maxRows !== null && rows > maxRows * times) || (maxBytes !== null && bytes > maxBytes * times);
  }

  workers(): IterableIterator<string> {
    return this.#kept.keys();
  }
}
