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

  static async read(database: Pick<Database, "read">): Promise<Usage> {
    const usage = new Usage();
    usage.note(await database.read(build.selectFrom("usage").selectAll().compile()));
    return usage;
  }

  /** Takes rows of the table as a statement that changed them gave them, in the order of the commits. */
  note(rows: Done["rows"]): void {
    for (const row of rows) {
      this.#kept.set(String(row["worker_name"]), {
        rows: Number(row["log_rows"]),
        bytes: Number(row["log_bytes"]),
        from: Number(row["lines_from"]),
      });
    }
  }

  of(worker: string): Kept {
    return this.#kept.get(worker) ?? NOTHING;
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
