import { type WorkerRecord, workerRecordSchema } from "../../model/record.ts";
import type { LineBlock } from "../capture/line-block.ts";
import { recordOf } from "../capture/record-of.ts";
import type { Boot } from "./boot.ts";
import { blockOf, type Frame } from "./frame.ts";
import type { Pages } from "./pages.ts";
import { Scratch, type Segment } from "./segment.ts";
import { framesAfter, loadSpan, type Loaded, type Stretch, stretchAfter } from "./stretch.ts";

/** What a record takes in JSON beside its text. */
const RECORD_BYTES = 160;

/** About its size in JSON. */
export function sizeOf(record: WorkerRecord): number {
  if (record.kind === "log") return RECORD_BYTES + record.text.length + (record.raw?.length ?? 0);
  return record.kind === "lost" ? RECORD_BYTES : JSON.stringify(record).length;
}

export function logRecord(block: LineBlock, line: number, seq: number): WorkerRecord {
  const { instance, stream, atMs } = block;
  const { level, text, raw, part, unended } = recordOf(block, line);
  if (raw === undefined && part === undefined && unended === undefined)
    return { kind: "log", seq, atMs, instance, stream, level, text };
  return {
    kind: "log",
    seq,
    atMs,
    instance,
    stream,
    level,
    text,
    ...(raw !== undefined && { raw }),
    ...(part !== undefined && { part }),
    ...(unended !== undefined && { unended }),
  };
}

/** The record of a frame that is no lines; undefined when somebody else wrote something of the kind. */
export function entryRecord({ buffer, isOwn }: Loaded, frame: Frame): WorkerRecord | undefined {
  try {
    const said: unknown = JSON.parse(buffer.toString("utf8", frame.bodyAt, frame.end));
    const record = isOwn ? (said as WorkerRecord) : workerRecordSchema.parse(said);
    return record.kind === "log" ? undefined : { ...record, seq: frame.firstSeq, atMs: frame.atMs };
  } catch {
    return undefined;
  }
}

/** Takes a segment that cannot be read any more out of its boot. */
export type Unreadable = (boot: Boot, segment: Segment) => void;

/** Reads a boot's records in their order, for one who comes back for more. */
export class Reader {
  readonly #unreadable: Unreadable;
  /** A reader that takes a few records at a time reads the same stretch again and again. */
  #last: { readonly stretch: Stretch & { where: "disk" }; readonly loaded: Loaded } | null = null;

  constructor(unreadable: Unreadable) {
    this.#unreadable = unreadable;
  }

  async read(
    boot: Boot,
    pages: Pages | null,
    afterSeq: number,
    limits: { readonly records: number; readonly bytes: number },
  ): Promise<WorkerRecord[]> {
    const records: WorkerRecord[] = [];
    let bytes = 0;
    let next = afterSeq;
    let looked = afterSeq;
    const isFull = (): boolean => records.length >= limits.records || (bytes >= limits.bytes && records.length > 0);
    const take = (record: WorkerRecord): void => {
      records.push(record);
      bytes += sizeOf(record);
      next = record.seq;
    };
    while (!isFull()) {
      const stretch = stretchAfter(boot, pages, looked);
      if (stretch === undefined) {
        // The end is gone: of an earlier boot, nothing comes after it.
        if (next < boot.lastSeq) take(boot.lost(next + 1, boot.lastSeq, boot.lastAtMs));
        break;
      }
      // A page is used up for other records as soon as somebody waits.
      const loaded = stretch.where === "memory" ? framesAfter(stretch.page, next) : await this.#load(boot, stretch);
      if (loaded === null) continue;
      for (const frame of loaded.frames) {
        if (frame.lastSeq <= next) continue;
        if (isFull()) break;
        if (frame.firstSeq > next + 1) take(boot.lost(next + 1, frame.firstSeq - 1, frame.atMs));
        if (frame.kind === "entry") {
          if (!isFull()) take(entryRecord(loaded, frame) ?? boot.lost(frame.firstSeq, frame.lastSeq, frame.atMs));
          continue;
        }
        const block = blockOf(loaded.buffer, frame);
        if (block === undefined && !isFull()) take(boot.lost(next + 1, frame.lastSeq, frame.atMs));
        if (block !== undefined)
          for (let seq = next + 1; seq <= frame.lastSeq && !isFull(); seq++) take(logRecord(block, seq - frame.firstSeq, seq));
      }
      looked = Math.max(next, stretch.lastSeq);
    }
    return records;
  }

  async #load(boot: Boot, stretch: Stretch & { where: "disk" }): Promise<Loaded | null> {
    const last = this.#last?.stretch;
    if (this.#last !== null && last?.segment === stretch.segment && last.from === stretch.from && last.to === stretch.to)
      return this.#last.loaded;
    const loaded = await loadSpan(stretch, new Scratch());
    if (loaded === null) this.#unreadable(boot, stretch.segment);
    this.#last = loaded && { stretch, loaded };
    return loaded;
  }
}
