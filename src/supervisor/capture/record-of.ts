import type { LogLevel, LogRecord } from "../../model/record.ts";
import { decode } from "./decode.ts";
import { levelOfText } from "./level.ts";
import type { LineBlock } from "./line-block.ts";
import { isPlain, stripControls } from "./plain-text.ts";

const NEWLINE = 0x0a;
/** A level stands near a line's beginning in all but JSON, so that the rest need not be decoded for it. */
const HEAD_BYTES = 2048;
const OPENING_BRACE = 0x7b;

/** What a line says of itself; its number, its time and where it comes from are the block's and the journal's. */
export type LineRecord = Pick<LogRecord, "level" | "text" | "raw" | "part" | "unended">;

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

export function recordOf(block: LineBlock, line: number): LineRecord {
  const { bytes } = block;
  const { from, to, hasNewline } = bounds(block, line);
  const decoded = decode(bytes, from, to);
  const isWhole = isPlain(decoded.text);
  const text = isWhole ? decoded.text : stripControls(decoded.text);
  const part = partOf(block, line);
  const isUnended = !hasNewline && part !== "begins" && part !== "goes on";
  // Made in one piece, since a collector asks for millions.
  const record: Writable<LineRecord> = { level: part === "goes on" || part === "ends" ? null : levelOfText(text), text };
  if (!isWhole || !decoded.isExact) record.raw = bytes.toString("base64", from, to);
  if (part !== undefined) record.part = part;
  if (isUnended) record.unended = true;
  return record;
}

/** The level alone, for those who count. */
export function levelOf(block: LineBlock, line: number): LogLevel | null {
  const part = partOf(block, line);
  if (part === "goes on" || part === "ends") return null;
  const { bytes } = block;
  const { from, to } = bounds(block, line);
  const isLong = to - from > HEAD_BYTES && bytes[from] !== OPENING_BRACE;
  const { text } = decode(bytes, from, isLong ? from + HEAD_BYTES : to);
  return levelOfText(isPlain(text) ? text : stripControls(text));
}

function bounds({ bytes, ends }: LineBlock, line: number): { from: number; to: number; hasNewline: boolean } {
  const from = line === 0 ? 0 : (ends[line - 1] ?? 0);
  const end = ends[line] ?? from;
  const hasNewline = end > from && bytes[end - 1] === NEWLINE;
  return { from, to: hasNewline ? end - 1 : end, hasNewline };
}

function partOf(block: LineBlock, line: number): LogRecord["part"] {
  const goesOn = line === 0 && block.goesOn;
  const continues = line === block.ends.length - 1 && block.continues;
  if (goesOn) return continues ? "goes on" : "ends";
  return continues ? "begins" : undefined;
}
