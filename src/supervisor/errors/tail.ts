import type { LineBlock } from "../capture/line-block.ts";
import { cut, plain } from "./lines.ts";

/** Room for the last lines of an instance. */
const ROOM = 16_384;
/** What one block adds at most. */
const SHARE = 4096;

/** The last lines that an instance wrote on both its streams: what an error has before it. Copied bytes; lines are made of them only for an error. */
export interface Tail {
  add(block: LineBlock): void;
  /** The `count` lines before line `line` of a block that was not added yet; `read` gives that block's lines. */
  before(read: (line: number) => string, line: number, count: number, chars: number): string[];
}

export function keepTail(): Tail {
  const room = Buffer.allocUnsafe(ROOM);
  let used = 0;

  return {
    add: (block) => {
      const end = block.ends.at(-1) ?? 0;
      const first = Math.max(0, block.ends.length - 16);
      const start = Math.max(first === 0 ? 0 : (block.ends[first - 1] ?? 0), end - SHARE);
      const length = end - start;
      // What is kept when the room is full is a quarter of it, so that short blocks do not move it each time.
      if (used + length + 1 > ROOM) {
        room.copyWithin(0, used - SHARE, used);
        used = SHARE;
      }
      used += block.bytes.copy(room, used, start, end);
      if (length > 0 && room[used - 1] !== 10) room[used++] = 10;
    },
    before: (read, line, count, chars) => {
      const lines: string[] = [];
      for (let at = Math.max(0, line - count); at < line; at += 1) lines.push(cut(read(at), chars));
      const missing = count - lines.length;
      if (missing === 0 || used === 0) return lines;
      const earlier = plain(room.toString("utf8", 0, used))
        .split("\n")
        .slice(0, -1)
        .slice(-missing);
      return [...earlier.map((text) => cut(text.trimEnd(), chars)), ...lines];
    },
  };
}
