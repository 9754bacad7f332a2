import type { LogStream } from "../../model/record.ts";

/**
 * Lines as they came out of an instance in one read, not yet looked at one by one: a record is made of a line only when somebody asks for it.
 * That is what lets a child write as fast as a pipe goes. Whoever is given one takes what it needs before it returns: the same memory
 * holds the next block.
 */
export interface LineBlock {
  readonly instance: string;
  readonly stream: LogStream;
  readonly atMs: number;
  /** The lines one after the other, each with its newline where it has one. */
  readonly bytes: Buffer;
  /** Where each line ends in `bytes` (the byte after its newline); as long as there are lines. No line is longer than `LINE_LIMIT`. */
  readonly ends: Uint32Array;
  /** The first line goes on where the block before of the same stream ended. */
  readonly goesOn: boolean;
  /** The last line is too long for one record: the next block of the same stream has more of it. Without it, a missing newline is the stream's end. */
  readonly continues: boolean;
}
