import type { LineBlock } from "./line-block.ts";

/** Lines `from` to `to` (not included) of a block, in its own memory. */
export function partOfBlock(block: LineBlock, from: number, to: number): LineBlock {
  const lines = block.ends.length;
  if (from === 0 && to === lines) return block;
  const first = from === 0 ? 0 : (block.ends[from - 1] ?? 0);
  const ends = block.ends.slice(from, to);
  if (first > 0) for (let line = 0; line < ends.length; line += 1) ends[line] = (ends[line] ?? 0) - first;
  return {
    ...block,
    bytes: block.bytes.subarray(first, block.ends[to - 1]),
    ends,
    goesOn: block.goesOn && from === 0,
    continues: block.continues && to === lines,
  };
}

/** The same in memory of its own, to be kept. */
export function copyOfBlock(block: LineBlock): LineBlock {
  return { ...block, bytes: Buffer.from(block.bytes), ends: block.ends.slice() };
}
