import type { ErrorGroup } from "../../model/record.ts";
import type { ErrorAnswer, ErrorQuery, ErrorStats } from "../../model/worker-calls.ts";
import type { LineBlock } from "../capture/line-block.ts";

/** Finds stack traces and errors in what instances write, and groups those that are the same. */
export interface ErrorWatch {
  /** Looks at a block that the journal has numbered from `firstSeq` on. Cheap where nothing looks like an error. */
  look(block: LineBlock, firstSeq: number): void;
  /** An instance's process ended: a trace that waits for more lines is whole. */
  ended(instance: string): void;
  list(query: ErrorQuery): ErrorAnswer;
  stats(instances?: readonly string[]): ErrorStats;
  clear(instances?: readonly string[]): number;
  close(): void;
}

/** Called for each new error and, of many in a short time, once with the count as it is then. */
export type OnError = (group: ErrorGroup) => void;
