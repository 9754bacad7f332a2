import { isUtf8 } from "node:buffer";

const REPLACEMENT = 0xfffd;

/**
 * Bytes as text. Of those that are not UTF-8, the control characters of eight-bit encodings (0x80 to 0x9f) come out as what they are, so that
 * sequences made of them are known; all others as U+FFFD. `isExact`: encoding the text gives the bytes back.
 */
export function decode(bytes: Buffer, from: number, to: number): { readonly text: string; readonly isExact: boolean } {
  // What is not UTF-8 comes out as U+FFFD; without one in it, there is no need to look at the bytes once more.
  const text = bytes.toString("utf8", from, to);
  if (!text.includes("\ufffd") || isUtf8(bytes.subarray(from, to))) return { text, isExact: true };
  return { text: decodeBroken(bytes, from, to), isExact: false };
}

/** What broken lines are decoded into, one after the other. */
let units: Uint16Array<ArrayBuffer> = new Uint16Array(0);

function decodeBroken(bytes: Buffer, from: number, to: number): string {
  if (units.length < to - from) units = new Uint16Array(Math.max(to - from, 4096));
  let length = 0;
  for (let at = from; at < to;) {
    const first = bytes[at] ?? 0;
    if (first < 0x80) {
      units[length++] = first;
      at += 1;
      continue;
    }
    const size = characterBytes(bytes, at, to);
    if (size === 0) {
      units[length++] = first < 0xa0 ? first : REPLACEMENT;
      at += 1;
      continue;
    }
    let code = first & (0x7f >> size);
    for (let next = at + 1; next < at + size; next += 1) code = (code << 6) | ((bytes[next] ?? 0) & 0x3f);
    if (code > 0xffff) {
      units[length++] = 0xd7c0 + (code >> 10);
      units[length++] = 0xdc00 + (code & 0x3ff);
    } else {
      units[length++] = code;
    }
    at += size;
  }
  return Buffer.from(units.buffer, 0, 2 * length).toString("utf16le");
}

/** How long the UTF-8 character at `at`, of more than one byte, is; 0 where there is none. */
function characterBytes(bytes: Buffer, at: number, to: number): number {
  const first = bytes[at] ?? 0;
  const length = first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > to) return 0;
  const second = bytes[at + 1] ?? 0;
  // Longer forms than needed, surrogates, and beyond U+10FFFF.
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let next = at + 2; next < at + length; next += 1) if (((bytes[next] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}
