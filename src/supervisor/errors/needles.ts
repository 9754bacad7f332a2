import type { LineBlock } from "../capture/line-block.ts";

// What a line must hold to be looked at at all. A child may write millions of lines a second of which none is an error, so a whole block is
// searched for all of these at once, four bytes at a time: each needle has six characters, so whatever its place in memory, three of its first
// six stand at the beginning of an aligned word. These three decide, in one look into a table; there is no branch that depends on the text
// until something is found. On text that differs from line to line every single regular expression costs more than all of this.

const digits = "0123456789";
const wordCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-_]";
/** What may stand after a word that says what a line is. */
const after = " \t:=])([\"'\n\r,.;!>-/|{\u001b";

/** Six characters or more, each one of those that are given; letters in either case. */
const needles: readonly (readonly string[])[] = [
  [...each("error"), after],
  [...each("fatal"), after],
  [...each("panic"), ":k] (e"],
  each("xcepti"),
  each("raceba"),
  each("critic"),
  each("severe"),
  each("n fault"),
  each("ata ra"),
  each("sigqui"),
  each("m err!"),
  // Three letters alone are a level only behind a time.
  ["mz]0123456789", ...each(" err ")],
  // Shells and Perl tell the line, and the smallest of shells only that.
  [...each("line "), digits],
  [...each("found"), "\n\r"],
  // Pino and bunyan have their levels as numbers.
  [...each('l":'), "56", "0", ",}"],
  // Frames: of an error whose name does not say what it is.
  each("\n\tat "),
  each("(node:"),
  [wordCharacters, ".", "jt", "s", ":", digits],
  [".", "mc", "jt", "s", ":", digits],
];

/** Makes both cases of a letter one. Other characters that it makes one are told apart when a needle is compared. */
const FOLD = 0xdfdfdf;
const TABLE_BITS = 16;

interface Place {
  readonly masks: readonly Uint8Array[];
  readonly offset: number;
}

/** For the hash of three characters that a needle has at one of its first four places: which of `places` it may be, 255 at most; 0 for all others. */
const table = new Uint8Array(1 << TABLE_BITS);
const places: (readonly Place[])[] = [[]];

for (const [three, found] of threesOf(needles)) {
  const slot = slotOf(three);
  const both = [...(places[table[slot] ?? 0] ?? []), ...found];
  const known = places.findIndex((other) => other.length === both.length && both.every((place, index) => other[index] === place));
  table[slot] = known === -1 ? places.push(both) - 1 : known;
}

/** The lines of a block that may tell of an error, in their order. Most blocks have none. */
export function suspects(block: LineBlock): readonly number[] {
  const end = block.ends.at(-1) ?? 0;
  if (end === 0) return [];
  const isWhole = block.bytes[end - 1] === 10;
  // The end of a stream counts as the end of a line; it is rare enough to copy the block for it.
  const bytes = isWhole ? block.bytes : Buffer.concat([block.bytes.subarray(0, end), Buffer.from("\n")]);
  const length = isWhole ? end : end + 1;
  const start = -bytes.byteOffset & 3;
  const count = Math.max(0, (length - start) >>> 2);
  const found: number[] = [];
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + start, count);

  const look = (at: number, candidates: number): void => {
    if (candidates === 0 || !isNeedleAt(bytes, at, length, places[candidates] ?? [])) return;
    const line = lineAt(block.ends, at);
    if (found.at(-1) !== line) found.push(line);
  };
  let index = 0;
  for (const last = count - 3; index < last; index += 4) {
    const hit =
      (table[slotOf((words[index] ?? 0) & FOLD)] ?? 0) |
      (table[slotOf((words[index + 1] ?? 0) & FOLD)] ?? 0) |
      (table[slotOf((words[index + 2] ?? 0) & FOLD)] ?? 0) |
      (table[slotOf((words[index + 3] ?? 0) & FOLD)] ?? 0);
    if (hit !== 0)
      for (let at = index; at < index + 4; at += 1) look(start + at * 4, table[slotOf((words[at] ?? 0) & FOLD)] ?? 0);
  }
  for (let at = start + index * 4; at + 3 <= length; at += 4) look(at, table[slotOf(threeAt(bytes, at) & FOLD)] ?? 0);
  return found;
}

/** Whether one of these needles stands around `at`. */
function isNeedleAt(bytes: Buffer, at: number, length: number, candidates: readonly Place[]): boolean {
  for (const { masks, offset } of candidates) {
    const from = at - offset;
    if (from < 0 || from + masks.length > length) continue;
    let place = 0;
    while (place < masks.length && masks[place]?.[bytes[from + place] ?? 0] === 1) place += 1;
    if (place === masks.length) return true;
  }
  return false;
}

function threeAt(bytes: Buffer, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
}

/** Every three characters that a needle may have at one of its first four places, with the needles that have them there. */
function threesOf(all: readonly (readonly string[])[]): Map<number, Place[]> {
  const threes = new Map<number, Place[]>();
  for (const needle of all) {
    const masks = needle.map(maskOf);
    for (let offset = 0; offset < 4; offset += 1) {
      const place: Place = { masks, offset };
      const [first = "", second = "", third = ""] = needle.slice(offset, offset + 3);
      for (const a of first) {
        for (const b of second) {
          for (const c of third) {
            const three = threeAt(Buffer.from(a + b + c, "latin1"), 0) & FOLD;
            const held = threes.get(three) ?? [];
            if (!held.includes(place)) threes.set(three, [...held, place]);
          }
        }
      }
    }
  }
  return threes;
}

function each(text: string): readonly string[] {
  return text.split("");
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

function slotOf(three: number): number {
  return Math.imul(three, 0x9e3779b1) >>> (32 - TABLE_BITS);
}

function maskOf(characters: string): Uint8Array {
  const mask = new Uint8Array(256);
  for (const character of characters)
    for (const one of [character.toLowerCase(), character.toUpperCase()]) mask[one.charCodeAt(0)] = 1;
  return mask;
}
