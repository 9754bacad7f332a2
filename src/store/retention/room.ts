import { NovaError } from "../../model/errors.ts";
import type { Retention, SourcedBatch } from "../store.ts";
import type { LineDropper } from "./lines.ts";
import type { Usage } from "./usage.ts";

/** So much of its bounds a worker may have beyond them before it waits. */
const MARGIN = 0.1;
/** From so many times its bounds on its lines are taken out as they come in; until then when everything is looked through. */
const FULL = 1 + MARGIN / 2;

/** Of events and errors so much may come between two looks at them, where a tenth of the bound is less. */
const LEAST_BESIDE_BYTES = 16 * 1_048_576;

interface Size {
  /** Of lines. */
  readonly rows: number;
  readonly bytes: number;
  /** Bytes of events and errors, which are counted when everything is looked through. */
  readonly beside: number;
}

const NOTHING: Size = { rows: 0, bytes: 0, beside: 0 };

/** A batch at the door. */
interface Waiting {
  readonly size: Size;
  start(): void;
  refuse(why: unknown): void;
}

export interface RoomOptions {
  readonly bounds: Retention;
  readonly usage: Usage;
  readonly dropper: LineDropper;
}

/**
 * Holds the workers' lines to their bounds whatever they send: a worker that is beyond them by more than a tenth waits at the door until its oldest
 * lines are gone, and no other does. Beside the tenth there may be one batch. Its events and errors wait in the same way for the next time that
 * everything is looked through.
 */
export class Room {
  readonly #options: RoomOptions;
  /** By worker, in their order: a later batch of a boot that went before would make the earlier one look as if it were kept already. */
  readonly #waiting = new Map<string, Waiting[]>();
  /** On their way to the disk. */
  readonly #coming = new Map<string, Size>();
  /** Of events and errors, since everything was looked through. */
  readonly #beside = new Map<string, number>();
  readonly #over = new AbortController();
  #made: ReadonlySet<string> = new Set();
  #making: Promise<void> | null = null;

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** Writes the batch once there is room for it. Rejects as `write` does, where no room could be made, and where the signal comes before there is. */
  enter<Result>(batch: SourcedBatch, write: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const { worker } = batch;
    const size = sizeOf(batch);
    const fits = !this.#waiting.has(worker) && this.#fits(worker, size);
    // A store that is closed says so itself.
    if (fits || this.#over.signal.aborted) return this.#take(worker, size, write);
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const end = (): void => signal?.removeEventListener("abort", giveUp);
    const waiting: Waiting = {
      size,
      start: () => (end(), resolve(this.#take(worker, size, write))),
      refuse: (why) => (end(), reject(why)),
    };
    const giveUp = (): void => this.#leave(worker, waiting, signal?.reason);
    signal?.addEventListener("abort", giveUp, { once: true });
    this.#waiting.set(worker, [...(this.#waiting.get(worker) ?? []), waiting]);
    if (signal?.aborted === true) giveUp();
    else this.#look(worker);
    return promise;
  }

  /** Lines up to here are of workers whose lines go as they come: they are gone before anybody could look for them by the index. */
  get goingUpTo(): number {
    return Math.max(0, ...[...this.#made].map((worker) => this.#options.usage.of(worker).from));
  }

  /** Everything was looked through. */
  lookedThrough(): void {
    this.#beside.clear();
    for (const worker of this.#waiting.keys()) this.#look(worker);
  }

  /** Nothing waits any more. */
  async close(): Promise<void> {
    this.#over.abort();
    this.#refuseAll(new NovaError("STORE_FAILED", "the store is closed"));
    await this.#making;
  }

  #fits(worker: string, size: Size): boolean {
    const { bounds, usage } = this.#options;
    const kept = usage.of(worker);
    const coming = this.#coming.get(worker) ?? NOTHING;
    // Bounds may have been set lower, or not been held before: what is beyond them may go while lines come in, as long as it gets no more.
    const least = usage.leastOf(worker);
    const fits = (of: "rows" | "bytes", bound: number | null): boolean => {
      if (bound === null) return true;
      const most = Math.max(bound, least[of]);
      // One that is greater than the room there is goes in by itself.
      return kept[of] + coming[of] + size[of] <= most + bound * MARGIN || (coming[of] === 0 && kept[of] <= most);
    };
    const beside = this.#beside.get(worker) ?? 0;
    const mostBeside = bounds.maxBytes === null ? Infinity : Math.max(bounds.maxBytes * MARGIN, LEAST_BESIDE_BYTES);
    const fitsBeside = size.beside === 0 || beside === 0 || beside + size.beside <= mostBeside;
    return fitsBeside && fits("rows", bounds.maxRows) && fits("bytes", bounds.maxBytes);
  }

  async #take<Result>(worker: string, size: Size, write: () => Promise<Result>): Promise<Result> {
    this.#come(worker, size, 1);
    if (size.beside > 0) this.#beside.set(worker, (this.#beside.get(worker) ?? 0) + size.beside);
    try {
      return await write();
    } finally {
      this.#come(worker, size, -1);
      this.#look(worker);
    }
  }

  #come(worker: string, size: Size, times: 1 | -1): void {
    const { rows, bytes } = this.#coming.get(worker) ?? NOTHING;
    const now = { rows: rows + times * size.rows, bytes: bytes + times * size.bytes, beside: 0 };
    if (now.rows === 0 && now.bytes === 0) this.#coming.delete(worker);
    else this.#coming.set(worker, now);
  }

  /** Lets in whoever fits now, and makes room where it is wanted. */
  #look(worker: string): void {
    const waiting = this.#waiting.get(worker) ?? [];
    for (let first = waiting[0]; first !== undefined && this.#fits(worker, first.size); first = waiting[0]) this.#letIn(worker);
    const { bounds, usage } = this.#options;
    if (usage.isBeyond(worker, bounds, FULL) || (waiting.length > 0 && usage.isBeyond(worker, bounds))) this.#makeRoom();
  }

  #letIn(worker: string): void {
    const waiting = this.#waiting.get(worker);
    const first = waiting?.shift();
    if (waiting?.length === 0) this.#waiting.delete(worker);
    first?.start();
  }

  /** Takes it from its place at the door: whoever it was of is gone, and sends it again where it is not kept. */
  #leave(worker: string, one: Waiting, why: unknown): void {
    const left = (this.#waiting.get(worker) ?? []).filter((waiting) => waiting !== one);
    if (left.length === 0) this.#waiting.delete(worker);
    else this.#waiting.set(worker, left);
    one.refuse(why);
    this.#look(worker);
  }

  #makeRoom(): void {
    if (this.#over.signal.aborted) return;
    this.#making ??= this.#make()
      .catch((error: unknown) => this.#refuseAll(error))
      .finally(() => {
        this.#made = new Set();
        this.#making = null;
        for (const worker of this.#waiting.keys()) this.#look(worker);
      });
  }

  async #make(): Promise<void> {
    const { bounds, usage, dropper } = this.#options;
    const { signal } = this.#over;
    while (!signal.aborted) {
      const wanted = [...usage.workers()].filter(
        (worker) => usage.isBeyond(worker, bounds, FULL) || (this.#waiting.has(worker) && usage.isBeyond(worker, bounds)),
      );
      if (wanted.length === 0) return;
      const made = new Set(wanted);
      this.#made = made;
      const gone = await dropper.dropExcess(
        bounds,
        signal,
        // Who comes to wait meanwhile does not wait for the others' lines first.
        (worker) => made.has(worker) || this.#waiting.has(worker),
        () => {
          for (const worker of this.#waiting.keys()) this.#look(worker);
        },
      );
      if (gone > 0) continue;
      // What is counted is not there: nobody shall wait for that for ever.
      for (const worker of wanted) this.#letIn(worker);
      return;
    }
  }

  #refuseAll(why: unknown): void {
    const all = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    for (const one of all) one.refuse(why);
  }
}

/** As it will be counted, or somewhat less: what stands beside the text is seldom there, and bytes are not fewer than characters. */
function sizeOf({ records }: SourcedBatch): Size {
  let rows = 0;
  let bytes = 0;
  let beside = 0;
  for (const record of records) {
    if (record.kind === "log") bytes += record.text.length;
    if (record.kind === "log" || record.kind === "lost") rows += 1;
    else beside += JSON.stringify(record).length;
  }
  return { rows, bytes, beside };
}
