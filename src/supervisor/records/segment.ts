import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { findFrame, type Frame, FRAME_LIMIT } from "./frame.ts";
import { addToTally, type Tally } from "./tally.ts";

const MAGIC = "NOVAREC1";
export const SEGMENT_HEAD_BYTES = 48;
/** No segment is longer; what is found beyond was not written here. */
export const SEGMENT_LIMIT = 268_435_456;
/** A buffer that is used for one read after the other, and grows to the largest. */
export class Scratch {
  #buffer: Buffer = Buffer.alloc(0);

  get(bytes: number): Buffer {
    if (this.#buffer.length < bytes) this.#buffer = Buffer.allocUnsafeSlow(Math.max(bytes, SPAN_BYTES));
    return this.#buffer;
  }
}

/** About so far apart are the places in a segment from which can be read. */
const SPAN_BYTES = 262_144;

/** A place in a segment where a frame begins. */
export interface Span {
  readonly at: number;
  readonly firstSeq: number;
  readonly firstAtMs: number;
}

/** A file of one boot's records, and the little that is kept of it in memory. */
export interface Segment {
  readonly path: string;
  readonly inode: bigint;
  /** Bytes that are known to be sound. */
  size: number;
  firstSeq: number;
  lastSeq: number;
  lastAtMs: number;
  /** Of the records, without heads. */
  bodyBytes: number;
  readonly spans: Span[];
  /** Lines that are shown, by instance. */
  readonly tallies: Map<string, Tally>;
  /** Levels were counted up to this place. */
  countedTo: number;
}

const namePattern = /^(\d{8})\.([0-9a-f]{32})\.(\d{8})\.records$/;

export interface SegmentName {
  readonly boot: number;
  readonly bootID: string;
  readonly number: number;
}

export function segmentName({ boot, bootID, number }: SegmentName): string {
  return `${String(boot).padStart(8, "0")}.${bootID}.${String(number).padStart(8, "0")}.records`;
}

export function parseSegmentName(name: string): SegmentName | undefined {
  const [, boot, bootID, number] = namePattern.exec(name) ?? [];
  return bootID === undefined ? undefined : { boot: Number(boot), bootID, number: Number(number) };
}

export function segmentHead({ boot, bootID, number }: SegmentName): Buffer {
  const head = Buffer.alloc(SEGMENT_HEAD_BYTES);
  head.write(MAGIC, 0, "latin1");
  head.write(bootID, 8, "hex");
  head.writeUInt32LE(boot, 24);
  head.writeUInt32LE(number, 28);
  head.writeUInt32LE(crc32(head.subarray(0, 44)), 44);
  return head;
}

/** A segment without records yet. */
export function newSegment(path: string, inode: bigint): Segment {
  return {
    path,
    inode,
    size: SEGMENT_HEAD_BYTES,
    firstSeq: 0,
    lastSeq: 0,
    lastAtMs: 0,
    bodyBytes: 0,
    spans: [],
    tallies: new Map(),
    countedTo: SEGMENT_HEAD_BYTES,
  };
}

/** Takes a frame that stands at `at` of the file into what is kept of the segment. */
export function noteFrame(segment: Segment, at: number, frame: Frame, isShown: boolean): void {
  const last = segment.spans.at(-1);
  if (last === undefined) segment.firstSeq = frame.firstSeq;
  if (last === undefined || at - last.at >= SPAN_BYTES)
    segment.spans.push({ at, firstSeq: frame.firstSeq, firstAtMs: frame.atMs });
  const bodyBytes = frame.end - frame.bodyAt;
  segment.lastSeq = frame.lastSeq;
  segment.lastAtMs = frame.atMs;
  segment.bodyBytes += bodyBytes;
  segment.size = at + (frame.end - frame.at);
  if (isShown && frame.kind === "lines" && frame.instance !== null)
    addToTally(segment.tallies, frame.instance, frame.lastSeq - frame.firstSeq + 1, bodyBytes, frame.atMs, frame.atMs);
}

/** Opens what is at the path when it is a plain file with no other name; nothing waits for a FIFO and no link is followed. Null for all else. */
export async function openPlain(
  path: string,
  flags: number = constants.O_RDONLY,
): Promise<{ file: FileHandle; size: number; inode: bigint } | null> {
  const file = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null);
  if (file === null) return null;
  const found = await file.stat({ bigint: true }).catch(() => null);
  if (found?.isFile() && found.nlink === 1n) return { file, size: Number(found.size), inode: found.ino };
  await file.close();
  return null;
}

/** Fills the buffer from a place in the file as far as the file goes. */
export async function readFully(file: FileHandle, buffer: Buffer, length: number, position: number): Promise<number> {
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/**
 * Reads a file of an earlier boot from its beginning to its end and keeps where its records are; undefined when it is no segment of that name.
 * `damaged`: bytes that cannot be read, at its end or in between.
 */
export async function scanSegment(
  { file, size, inode }: { readonly file: FileHandle; readonly size: number; readonly inode: bigint },
  path: string,
  name: SegmentName,
  after: { readonly seq: number; readonly atMs: number },
  shows: (instance: string | null, seq: number) => boolean,
  scratch: Scratch,
): Promise<{ readonly segment: Segment; readonly damaged: number } | undefined> {
  const end = Math.min(size, SEGMENT_LIMIT);
  let buffer = scratch.get(SEGMENT_HEAD_BYTES);
  const head = await readFully(file, buffer, SEGMENT_HEAD_BYTES, 0);
  if (head < SEGMENT_HEAD_BYTES || !buffer.subarray(0, SEGMENT_HEAD_BYTES).equals(segmentHead(name))) return undefined;
  const segment = newSegment(path, inode);
  segment.lastSeq = after.seq;
  segment.lastAtMs = after.atMs;
  let position = SEGMENT_HEAD_BYTES;
  let good = 0;
  for (let isOver = false; !isOver && position < end;) {
    const length = await readFully(file, buffer, Math.min(buffer.length, end - position), position);
    if (length === 0) break;
    let at = 0;
    for (;;) {
      const found = findFrame(buffer, at, length, segment.lastSeq, segment.lastAtMs);
      if (found.what === "frame") {
        noteFrame(segment, position + at, found.frame, shows(found.frame.instance, found.frame.lastSeq));
        good += found.frame.end - at;
        at = found.frame.end;
      } else if (found.what === "damaged") at = found.end;
      else {
        // Unfinished: it goes on in the file, or the file ends too early.
        isOver = found.what === "nothing" || position + at + found.bytes > end;
        if (found.what === "unfinished" && found.bytes > buffer.length) buffer = scratch.get(FRAME_LIMIT);
        break;
      }
    }
    position += at;
  }
  return { segment, damaged: size - SEGMENT_HEAD_BYTES - good };
}

/** No frame of a span ends farther from its beginning; what lies between it and the next span is damaged. */
export const SPAN_LIMIT: number = SPAN_BYTES + FRAME_LIMIT;

/** The bytes of a segment from one place to another, in a buffer that may be longer; null when it is not the same file any more, or shorter. */
export async function readSpan(segment: Segment, from: number, to: number, scratch: Scratch): Promise<Buffer | null> {
  const opened = await openPlain(segment.path);
  if (opened === null) return null;
  try {
    if (opened.inode !== segment.inode || opened.size < to) return null;
    const buffer = scratch.get(to - from);
    return (await readFully(opened.file, buffer, to - from, from)) === to - from ? buffer : null;
  } catch {
    return null;
  } finally {
    await opened.file.close();
  }
}
