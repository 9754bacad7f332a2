import type { LineBlock } from "../capture/line-block.ts";

// What a line must hold to be looked at at all. A child may write millions of lines a second of which none is an error, so the whole block is
// searched at once: V8 finds some patterns by skipping over most of the text and some single words by `memchr`. Which ones go together
// in one pattern was measured; others of the same meaning are several times slower.
const patterns: readonly RegExp[] = [
  /error/gi,
  /panic|xcept/gi,
  /fatal/gi,
  // Perl and shells name the line; pino and bunyan have their levels as numbers.
  / line \d|level":[56]0/g,
];
const words: readonly string[] = [
  "Traceback",
  "\tat ",
  "Segmentation",
  "SIGQUIT",
  "(node:internal/",
  "(file:///",
  "(/",
  "DATA RACE",
  "ERR!",
];

/** The lines of a block that may tell of an error, in their order. Most blocks have none. */
export function suspects(block: LineBlock): readonly number[] {
  const text = block.bytes.toString("latin1", 0, block.ends.at(-1) ?? 0);
  let found: Set<number> | undefined;
  for (const pattern of patterns) {
    pattern.lastIndex = 0;
    // `test` makes nothing; where it stopped is behind what it found.
    while (pattern.test(text)) {
      const line = lineAt(block.ends, pattern.lastIndex - 1);
      found = (found ?? new Set()).add(line);
      pattern.lastIndex = block.ends[line] ?? text.length;
    }
  }
  for (const word of words) {
    for (let at = text.indexOf(word); at !== -1;) {
      const line = lineAt(block.ends, at);
      found = (found ?? new Set()).add(line);
      at = text.indexOf(word, block.ends[line] ?? text.length);
    }
  }
  return found === undefined ? [] : [...found].sort((a, b) => a - b);
}

/** The line that the byte at `at` belongs to. */
function lineAt(ends: Uint32Array, at: number): number {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ends[middle] ?? 0) > at) high = middle;
    else low = middle + 1;
  }
  return low;
}
