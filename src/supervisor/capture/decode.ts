import { isUtf8 } from "node:buffer";

const REPLACEMENT = "\ufffd";

/**
 * Bytes as text. Of those that are not UTF-8, the control characters of eight-bit encodings (0x80 to 0x9f) come out as what they are, so that
 * sequences made of them are known; all others as U+FFFD. `isExact`: encoding the text gives the bytes back.
 */
export function decode(bytes: Buffer, from: number, to: number): { readonly text: string; readonly isExact: boolean } {
  const text = bytes.toString("utf8", from, to);
  // A line may hold U+FFFD by itself.
  if (!text.includes(REPLACEMENT) || isUtf8(bytes.subarray(from, to))) return { text, isExact: true };
  return { text: decodeBroken(bytes, from, to), isExact: false };
}

function decodeBroken(bytes: Buffer, from: number, to: number): string {
  let text = "";
  let whole = from;
  let at = from;
  while (at < to) {
    const length = characterBytes(bytes, at, to);
    if (length > 0) {
      at += length;
      continue;
    }
    const byte = bytes[at] ?? 0;
    text += bytes.toString("utf8", whole, at) + (byte < 0xa0 ? String.fromCharCode(byte) : REPLACEMENT);
    at += 1;
    whole = at;
  }
  return text + bytes.toString("utf8", whole, to);
}

/** How long the UTF-8 character at `at` is; 0 where there is none. */
function characterBytes(bytes: Buffer, at: number, to: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
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
