import { type CompiledQuery, sql } from "kysely";
import type { Database } from "../database.ts";
import type { IndexFront } from "../queries/line-index.ts";
import type { Retention } from "../store.ts";
import { build } from "../tables.ts";
import type { Writer } from "../writer.ts";
import { mark } from "./marks.ts";
import type { Usage } from "./usage.ts";

/** Of one step, where the lines' words have to be looked up in the index as well. */
const STEP_ROWS = 1_000;
/** Where they are not in the index yet, which is most of the work. */
const UNINDEXED_STEP_ROWS = 8_000;
/** Long lines are many pages. */
const STEP_BYTES = 8_388_608;

type Bounds = Pick<Retention, "maxRows" | "maxBytes">;

interface Line {
  readonly position: number;
  readonly worker_name: string;
  readonly bytes: number;
}

export interface LineDropperOptions {
  readonly database: Pick<Database, "read">;
  readonly writer: Writer;
  readonly usage: Usage;
  readonly front: IndexFront;
}

/**
 * Takes lines out, oldest first, in steps of so few that none holds up those who write. It reads on a reading thread, and only deletes on the writing
 * one. One step goes on at a time, whoever asks: each knows what the one before left.
 */
export class LineDropper {
  readonly #options: LineDropperOptions;
  #turn: Promise<unknown> = Promise.resolve();
  /** Lines may have gone without that being heard: what is counted for them in memory would be taken out once more. */
  #isUnclear = false;

  constructor(options: LineDropperOptions) {
    this.#options = options;
  }

  /** All lines up to the position. Gives how many went. */
  async dropAged(upTo: number, signal: AbortSignal): Promise<number> {
    let gone = 0;
    for (let after = 0; !signal.aborted && after < upTo;) {
      const lines = await this.#step(async () => {
        const found = await this.#read(after, upTo);
        if (found.length > 0) await this.#drop(found);
        return found;
      });
      const last = lines.at(-1);
      if (last === undefined) break;
      gone += lines.length;
      after = last.position;
    }
    return gone;
  }

  /**
   * Of each worker that is asked about the lines that it has beyond the bounds, of those that are there now. Gives how many went; `onStep` is called
   * after each step.
   */
  async dropExcess(
    bounds: Bounds,
    signal: AbortSignal,
    isAsked: (worker: string) => boolean = () => true,
    onStep: () => void = () => undefined,
  ): Promise<number> {
    const { usage, writer } = this.#options;
    const upTo = writer.position;
    const passed = new Map<string, number>();
    const begin = (worker: string): number => Math.max(usage.of(worker).from, passed.get(worker) ?? 0);
    let gone = 0;
    while (!signal.aborted) {
      const dropped = await this.#step(async () => {
        const over = [...usage.workers()].filter((worker) => usage.isBeyond(worker, bounds) && isAsked(worker));
        // What lies before the oldest lines of all that are left is others': one whose lines are far apart, or old, does not make it be read.
        const after = Math.min(...over.map(begin));
        if (over.length === 0 || after >= upTo) return null;
        const lines = await this.#read(after, upTo);
        const last = lines.at(-1);
        if (last === undefined) return null;
        const { tooMany, still } = this.#beyond(lines, bounds, new Set(over));
        if (tooMany.length > 0) await this.#drop(tooMany);
        for (const worker of still) passed.set(worker, Math.max(begin(worker), last.position));
        return tooMany.length;
      });
      if (dropped === null) break;
      gone += dropped;
      onStep();
    }
    return gone;
  }

  /** Those of the workers that are too many, of lines in their order, and the workers of which more are. */
  #beyond(
    lines: readonly Line[],
    { maxRows, maxBytes }: Bounds,
    workers: ReadonlySet<string>,
  ): { readonly tooMany: readonly Line[]; readonly still: ReadonlySet<string> } {
    const still = new Set(workers);
    const over = new Map(
      [...workers].map((worker) => {
        const { rows, bytes } = this.#options.usage.of(worker);
        return [worker, { rows: rows - (maxRows ?? rows), bytes: bytes - (maxBytes ?? bytes) }];
      }),
    );
    const tooMany = lines.filter(({ worker_name, bytes }) => {
      const left = over.get(worker_name);
      if (left === undefined || !still.has(worker_name)) return false;
      left.rows -= 1;
      left.bytes -= bytes;
      if (left.rows <= 0 && left.bytes <= 0) still.delete(worker_name);
      return true;
    });
    return { tooMany, still };
  }

  #step<Result>(work: () => Promise<Result>): Promise<Result> {
    const step = this.#turn.then(async () => {
      if (this.#isUnclear) await this.#countAnew();
      return await work();
    });
    this.#turn = step.catch(() => undefined);
    return step;
  }

  async #read(after: number, upTo: number): Promise<readonly Line[]> {
    const { database, front } = this.#options;
    const lines = await database.read<Line>(
      build
        .selectFrom("logs")
        .select(["position", "worker_name", sql<number>`octet_length(text) + coalesce(octet_length(more), 0)`.as("bytes")])
        .where("position", ">", after)
        .where("position", "<=", upTo)
        .orderBy("position")
        .limit(after >= front.indexed ? UNINDEXED_STEP_ROWS : STEP_ROWS)
        .compile(),
    );
    let bytes = 0;
    const end = lines.findIndex((line) => (bytes += line.bytes) > STEP_BYTES);
    return end === -1 ? lines : lines.slice(0, Math.max(1, end));
  }

  async #drop(lines: readonly Line[]): Promise<void> {
    const { writer, usage } = this.#options;
    this.#isUnclear = true;
    await writer.write({
      positions: 0,
      statements: () => dropLines(lines),
      kept: (done) => ({ result: usage.note(done[COUNTED]?.rows ?? []), entries: [] }),
    });
    this.#isUnclear = false;
  }

  /** By the writer: in the order of what changes it. */
  async #countAnew(): Promise<void> {
    const { writer, usage } = this.#options;
    await writer.write({
      positions: 0,
      statements: () => [build.selectFrom("usage").selectAll().compile()],
      kept: ([done]) => ({ result: usage.note(done?.rows ?? []), entries: [] }),
    });
    this.#isUnclear = false;
  }
}

/** Which of the statements gives the rows of `usage`. */
const COUNTED = 0;

function dropLines(lines: readonly Line[]): readonly CompiledQuery[] {
  const these = JSON.stringify(lines.map(({ position }) => position));
  return [
    // Of what is there now: done twice it counts once. The cross join has each looked up by its position, whatever index would give them by worker.
    sql`
    insert into usage (worker_name, log_rows, log_bytes, dropped_up_to, lines_from)
    select worker_name, count(*), sum(octet_length(text) + coalesce(octet_length(more), 0)), max(position), max(position)
    from json_each(${these}) as gone cross join logs on logs.position = gone.value group by worker_name
    on conflict (worker_name) do update set
      log_rows = usage.log_rows - excluded.log_rows, log_bytes = usage.log_bytes - excluded.log_bytes,
      dropped_up_to = max(usage.dropped_up_to, excluded.dropped_up_to),
      lines_from = max(usage.lines_from, excluded.lines_from)
    returning worker_name, log_rows, log_bytes, lines_from`.compile(build),
    // What is not in the index yet is never put there: it is filled from the lines that are there.
    sql`delete from log_words where rowid in (
      select value from json_each(${these}) where value <= (select value from marks where name = 'indexed'))`.compile(build),
    sql`delete from logs where position in (select value from json_each(${these}))`.compile(build),
    mark("dropped", lines.at(-1)?.position ?? 0),
  ];
}
