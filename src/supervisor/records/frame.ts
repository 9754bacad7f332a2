import { crc32 } from "node:zlib";
import { instanceIDPattern } from "../../model/instance.ts";
import type { LogStream } from "../../model/record.ts";
import type { LineBlock } from "../capture/line-block.ts";

// How records lie in memory and in segment files alike: frames one after the other, each a head, the instance's id, and a body: the raw lines of
// one block, or one other record as JSON. The checksum covers all of a frame but itself and what stands before it.
//
//   0 magic u32 · 4 crc32 u32 · 8 bytes of the body u32 · 12 records u32 · 16 first number f64 · 24 time f64 · 32 kind u8 · 33 flags u8 · 34 bytes of the id u8 · 35 zero

const MAGIC = 0x314b_424e;
const HEAD_BYTES = 36;
const STDERR = 1;
const GOES_ON = 2;
const CONTINUES = 4;

/** Of one frame's body; what is longer is not kept. Two lines of `LINE_LIMIT` and the largest error fit many times over. */
export const BODY_LIMIT = 4_194_304;
export const FRAME_LIMIT: number = HEAD_BYTES + 64 + BODY_LIMIT;

/** Where a frame lies in its buffer, and what its head says. */
export interface Frame {
  readonly at: number;
  readonly bodyAt: number;
  readonly end: number;
  readonly kind: "lines" | "entry";
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly atMs: number;
  readonly instance: string | null;
  readonly stream: LogStream;
  readonly goesOn: boolean;
  readonly continues: boolean;
}

export interface FrameHead {
  readonly firstSeq: number;
  readonly count: number;
  readonly atMs: number;
  /** The id's bytes. */
  readonly instance: Uint8Array;
}

export function frameBytes(instance: Uint8Array, bodyBytes: number): number {
  return HEAD_BYTES + instance.length + bodyBytes;
}

/** Copies a block's lines behind `at`. The checksum comes later (`sealFrames`): what never reaches a disk needs none. */
export function writeLines(target: Buffer, at: number, head: FrameHead, block: LineBlock, bodyBytes: number): number {
  const flags = (block.stream === "stderr" ? STDERR : 0) | (block.goesOn ? GOES_ON : 0) | (block.continues ? CONTINUES : 0);
  const bodyAt = writeHead(target, at, head, 1, flags, bodyBytes);
  block.bytes.copy(target, bodyAt, 0, bodyBytes);
  return bodyAt + bodyBytes;
}

export function writeEntry(target: Buffer, at: number, head: FrameHead, json: Uint8Array): number {
  const bodyAt = writeHead(target, at, head, 2, 0, json.length);
  target.set(json, bodyAt);
  return bodyAt + json.length;
}

function writeHead(target: Buffer, at: number, head: FrameHead, kind: number, flags: number, bodyBytes: number): number {
  target.writeUInt32LE(MAGIC, at);
  target.writeUInt32LE(0, at + 4);
  target.writeUInt32LE(bodyBytes, at + 8);
  target.writeUInt32LE(head.count, at + 12);
  target.writeDoubleLE(head.firstSeq, at + 16);
  target.writeDoubleLE(head.atMs, at + 24);
  target[at + 32] = kind;
  target[at + 33] = flags;
  target[at + 34] = head.instance.length;
  target[at + 35] = 0;
  target.set(head.instance, at + HEAD_BYTES);
  return at + HEAD_BYTES + head.instance.length;
}

/** Puts in the checksums of the frames from `start` to `end`, which this process wrote itself, and gives them. */
export function sealFrames(buffer: Buffer, start: number, end: number): Frame[] {
  const frames: Frame[] = [];
  for (let at = start; at < end;) {
    const frame = frameAt(buffer, at);
    buffer.writeUInt32LE(crc32(buffer.subarray(at + 8, frame.end)), at + 4);
    frames.push(frame);
    at = frame.end;
  }
  return frames;
}

/** The frame at a place where this process itself put one. */
export function frameAt(buffer: Buffer, at: number): Frame {
  const firstSeq = buffer.readDoubleLE(at + 16);
  const flags = buffer[at + 33] ?? 0;
  const bodyAt = at + HEAD_BYTES + (buffer[at + 34] ?? 0);
  return {
    at,
    bodyAt,
    end: bodyAt + buffer.readUInt32LE(at + 8),
    kind: buffer[at + 32] === 1 ? "lines" : "entry",
    firstSeq,
    lastSeq: firstSeq + buffer.readUInt32LE(at + 12) - 1,
    atMs: buffer.readDoubleLE(at + 24),
    instance: bodyAt === at + HEAD_BYTES ? null : buffer.toString("latin1", at + HEAD_BYTES, bodyAt),
    stream: flags & STDERR ? "stderr" : "stdout",
    goesOn: (flags & GOES_ON) !== 0,
    continues: (flags & CONTINUES) !== 0,
  };
}

/** What stands at `at`: a frame; one that is damaged, whose length can be believed; more than the buffer holds; or nothing of the kind. */
export type Found =
  | { readonly what: "frame"; readonly frame: Frame }
  | { readonly what: "damaged"; readonly end: number }
  | { readonly what: "unfinished"; readonly bytes: number }
  | { readonly what: "nothing" };

/** Reads a frame of a file, in which anything may stand: numbers and times have to come after those before it. */
export function findFrame(buffer: Buffer, at: number, length: number, lastSeq: number, lastAtMs: number): Found {
  if (at + HEAD_BYTES > length) return { what: "unfinished", bytes: HEAD_BYTES };
  const idBytes = buffer[at + 34] ?? 0;
  const bodyBytes = buffer.readUInt32LE(at + 8);
  if (buffer.readUInt32LE(at) !== MAGIC || idBytes > 64 || bodyBytes > BODY_LIMIT) return { what: "nothing" };
  const end = at + HEAD_BYTES + idBytes + bodyBytes;
  if (end > length) return { what: "unfinished", bytes: end - at };
  if (buffer.readUInt32LE(at + 4) !== crc32(buffer.subarray(at + 8, end))) return { what: "damaged", end };
  const frame = frameAt(buffer, at);
  const count = buffer.readUInt32LE(at + 12);
  const kind = buffer[at + 32];
  const isSound =
    (kind === 1 ? frame.instance !== null && count <= bodyBytes : kind === 2 && count === 1) &&
    count >= 1 &&
    Number.isSafeInteger(frame.firstSeq) &&
    frame.firstSeq > lastSeq &&
    Number.isSafeInteger(frame.lastSeq) &&
    Number.isFinite(frame.atMs) &&
    frame.atMs >= lastAtMs &&
    frame.atMs <= 8_640_000_000_000_000 &&
    (frame.instance === null || instanceIDPattern.test(frame.instance));
  return isSound ? { what: "frame", frame } : { what: "damaged", end };
}

/**
 * The block of a frame of lines; its bytes are the buffer's own. Undefined where the body does not hold as many lines as the head says, which only
 * somebody else can have written.
 */
export function blockOf(buffer: Buffer, frame: Frame): LineBlock | undefined {
  const count = frame.lastSeq - frame.firstSeq + 1;
  const bytes = buffer.subarray(frame.bodyAt, frame.end);
  const ends = new Uint32Array(count);
  let from = 0;
  for (let line = 0; line < count; line++) {
    const newline = bytes.indexOf(10, from);
    if (newline === -1 && (line < count - 1 || from === bytes.length)) return undefined;
    from = newline === -1 ? bytes.length : newline + 1;
    ends[line] = from;
  }
  if (from !== bytes.length || frame.instance === null) return undefined;
  const { instance, stream, atMs, goesOn, continues } = frame;
  return { instance, stream, atMs, bytes, ends, goesOn, continues };
}
