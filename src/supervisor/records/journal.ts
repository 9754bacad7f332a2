import type { ErrorGroup, LostRecord, RecordBatch, WorkerEvent } from "../../model/record.ts";
import type { Backlog } from "../../model/link.ts";
import type { LogAnswer, LogQuery, LogStats, LogSummary } from "../../model/worker-calls.ts";
import type { LineBlock } from "../capture/line-block.ts";

/** What the supervisor appends beside lines; the journal gives it its number and its time. */
export type Entry =
  | { readonly kind: "error"; readonly instance: string; readonly group: ErrorGroup }
  | { readonly kind: "event"; readonly instance: string | null; readonly event: WorkerEvent }
  | {
      readonly kind: "lost";
      readonly instance: string | null;
      readonly lost: Omit<LostRecord, "kind" | "seq" | "atMs" | "instance">;
    };

/**
 * All records of this container, numbered, in memory up to a bound and then in segment files; what nobody collected within a short time is written, too,
 * so that a killed supervisor loses little. Appending never waits and never throws.
 */
export interface Journal {
  readonly bootID: string;
  /** 0 before the first. */
  readonly lastSeq: number;
  /** Copies the lines, and gives the number of the first one. */
  appendLines(block: LineBlock): number;
  append(entry: Entry): number;
  /** Writing is behind: capturing should pause until `room` resolves. */
  readonly full: boolean;
  room(): Promise<void>;

  /** What nobody acknowledged, oldest boot first. */
  backlog(): readonly Backlog[];
  /** The records after `afterSeq` of a boot, as many as there are up to both limits (bytes are those of the JSON, about); empty when there are none. What is gone is told by a `lost` record. */
  read(
    bootID: string,
    afterSeq: number,
    limits: { readonly records: number; readonly bytes: number },
  ): Promise<RecordBatch["records"]>;
  /** Everything of the boot up to `seq` is in somebody else's keeping: it may go when room is needed. */
  acknowledge(bootID: string, seq: number): void;
  /** Called after each append, in the same turn of the event loop at most once. Gives the function that ends it. */
  onAppend(listener: () => void): () => void;

  query(query: LogQuery): Promise<LogAnswer>;
  summaries(): readonly LogSummary[];
  stats(instances?: readonly string[]): Promise<LogStats>;
  /** How many lines are shown no more. */
  clear(instances?: readonly string[]): number;
  /** Writes what is in memory and ends; the boot then counts as ended cleanly. */
  close(): Promise<void>;
}
