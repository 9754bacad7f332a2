import type { LineBlock } from "../capture/line-block.ts";

/** Escape sequences as terminals take them: CSI, OSC and the two-byte ones. Every branch is bounded or ends at its first wrong byte. */
const escapes = /\u001b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\u0007\u001b]{0,1024}(?:\u0007|\u001b\\)|[@-Z\\-_])/g;

/** One line as text: without its newline and its escape sequences, at most `bytes` long. */
export function textOf(block: LineBlock, line: number, bytes: number): string {
  const start = line === 0 ? 0 : (block.ends[line - 1] ?? 0);
  let end = Math.min(block.ends[line] ?? start, start + bytes);
  if (end > start && block.bytes[end - 1] === 10) end -= 1;
  if (end > start && block.bytes[end - 1] === 13) end -= 1;
  return plain(block.bytes.toString("utf8", start, end));
}

export function plain(text: string): string {
  return text.includes("\u001b") ? text.replace(escapes, "") : text;
}

/** `text` in memory of its own: a piece cut out of a long string would keep all of it. */
export function cut(text: string, length: number): string {
  return text.length <= length ? text : `${Buffer.from(text.slice(0, length - 1)).toString()}…`;
}
