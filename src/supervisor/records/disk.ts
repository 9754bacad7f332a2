import { constants } from "node:fs";
import { type FileHandle, mkdir, open, statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import { hasCode } from "../../model/errors.ts";
import type { Boot } from "./boot.ts";
import type { Boots } from "./boots.ts";
import { sealFrames } from "./frame.ts";
import type { Page } from "./pages.ts";
import { newSegment, noteFrame, type Segment, SEGMENT_HEAD_BYTES, SEGMENT_LIMIT, segmentHead, segmentName } from "./segment.ts";
import type { StateKeeper } from "./state-keeper.ts";

const LEAST_SEGMENT_BYTES = 262_144;
const FILES_LIMIT = 1000;
const BATCH_BYTES = 2_097_152;
/** So often it is looked whether the file that is written still has its name. */
const LOOK_AFTER_MS = 1000;

/** Frames of a page that nobody wrote yet. */
export interface Piece {
  readonly page: Page;
  readonly start: number;
  readonly end: number;
  readonly lastSeq: number;
}

/** The segment files: what is written to them, and which of them go when there is no room. */
export class Disk {
  readonly #directory: string;
  readonly #bytes: number;
  readonly #boots: Boots;
  readonly #state: StateKeeper;
  #segmentBytes: number;
  #number = 0;
  #active: Active | null = null;
  /** A segment was given up for a full disk, and nothing could be written since. */
  #gaveUp = false;

  constructor(directory: string, bytes: number, boots: Boots, state: StateKeeper) {
    this.#directory = directory;
    this.#bytes = bytes;
    this.#boots = boots;
    this.#state = state;
    this.#segmentBytes = segmentBytesFor(bytes);
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const boot of this.#boots.list) for (const segment of boot.segments) bytes += segment.size;
    return bytes;
  }

  /** So much is written at once at most, or one piece. */
  get batchBytes(): number {
    return Math.min(BATCH_BYTES, this.#segmentBytes / 4);
  }

  /** Appends the frames of the pieces. Rejects with the system's error; the records then are not on disk. */
  async write(pieces: readonly Piece[]): Promise<void> {
    const boot = this.#boots.present;
    const frames = pieces.map(({ page, start, end }) => sealFrames(page.buffer, start, end));
    const buffers = pieces.map(({ page, start, end }) => page.buffer.subarray(start, end));
    const active = await this.#segmentFor(buffers.reduce((bytes, { length }) => bytes + length, 0));
    let at = active.segment.size;
    active.isTorn = true;
    await writeFully(active.file, buffers, at);
    active.isTorn = false;
    this.#gaveUp = false;
    if (active.isSpoiled) return this.write(pieces);
    for (const frame of frames.flat()) {
      noteFrame(active.segment, at, frame, boot.shows(frame.instance, frame.lastSeq));
      at = active.segment.size;
    }
    if (!active.isListed) boot.segments.push(active.segment);
    active.isListed = true;
  }

  /** What can be done about a write that failed; true when it may succeed now. `isPressed`: memory has no room left either. */
  async mend(error: unknown, isPressed: boolean): Promise<boolean> {
    if (!hasCode(error, "ENOSPC") && !hasCode(error, "EDQUOT")) {
      await this.#leave();
      return false;
    }
    const acknowledged = this.#nextToGo(true);
    if (acknowledged !== undefined) return this.#remove(acknowledged, "disk");
    // Giving up old records makes room only where it is they that fill the disk: not again before something could be written.
    if (!isPressed || this.#gaveUp) return false;
    this.#gaveUp = true;
    const oldest = this.#nextToGo(false);
    return oldest !== undefined && this.#remove(oldest, "disk");
  }

  /** Removes what is acknowledged and shows nothing any more. */
  async removeCleared(): Promise<void> {
    for (const boot of [...this.#boots.list])
      for (const segment of [...boot.segments])
        if (segment !== this.#active?.segment && segment.lastSeq <= boot.acknowledged && segment.tallies.size === 0)
          await this.#remove({ boot, segment }, "bound");
  }

  /** Somebody took the file away or changed it: what was in it is gone. */
  unreadable(boot: Boot, segment: Segment): void {
    if (segment === this.#active?.segment) this.#active.isSpoiled = true;
    this.#drop({ boot, segment }, "damaged");
  }

  async close(): Promise<void> {
    await this.#active?.file.datasync().catch(() => undefined);
    await this.#leave();
  }

  async #segmentFor(bytes: number): Promise<Active> {
    if (this.#active !== null) {
      const { segment, isSpoiled } = this.#active;
      const isFull = segment.size + bytes > this.#segmentBytes && segment.spans.length > 0;
      if (!isFull && !isSpoiled && (await isThere(this.#active))) return this.#active;
      await this.#leave();
    }
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await this.#makeRoom();
    this.#active = await this.#create();
    return this.#active;
  }

  async #create(): Promise<Active> {
    for (;;) {
      const name = { boot: this.#boots.present.number, bootID: this.#boots.present.id, number: ++this.#number };
      const path = join(this.#directory, segmentName(name));
      const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      let file: FileHandle;
      try {
        file = await open(path, flags, 0o600);
      } catch (error) {
        if (hasCode(error, "EEXIST")) continue;
        throw error;
      }
      try {
        const { bytesWritten } = await file.write(segmentHead(name), 0, SEGMENT_HEAD_BYTES, 0);
        if (bytesWritten === SEGMENT_HEAD_BYTES)
          return {
            segment: newSegment(path, (await file.stat({ bigint: true })).ino),
            file,
            isListed: false,
            isTorn: false,
            isSpoiled: false,
            seenAtMs: performance.now(),
          };
        throw Object.assign(new Error("no room for the head of a segment"), { code: "ENOSPC" });
      } catch (error) {
        await file.close();
        await unlink(path).catch(() => undefined);
        throw error;
      }
    }
  }

  /** Ends the segment that is written: what a failed write left behind its last record is cut off, and a file without records goes. */
  async #leave(): Promise<void> {
    const active = this.#active;
    this.#active = null;
    if (active === null) return;
    if (active.isTorn) await active.file.truncate(active.segment.size).catch(() => undefined);
    await active.file.close().catch(() => undefined);
    if (!active.isListed) await unlink(active.segment.path).catch(() => undefined);
  }

  /** Before a new segment: room for it within the bound and on the disk, at the price of the oldest. */
  async #makeRoom(): Promise<void> {
    let free = await freeBytes(this.#directory);
    this.#segmentBytes = segmentBytesFor(Math.min(this.#bytes, this.usedBytes + free));
    let freed = 0;
    for (;;) {
      const files = this.#boots.list.reduce((count, boot) => count + boot.segments.length, 0);
      const isBeyondBound = this.usedBytes + this.#segmentBytes > this.#bytes || files >= FILES_LIMIT;
      // Somebody else may take each freed byte at once: a segment's worth has to do.
      const isDiskFull = free < this.#segmentBytes && freed < this.#segmentBytes;
      if (!isBeyondBound && !isDiskFull) return;
      const victim = this.#nextToGo(true) ?? this.#nextToGo(false);
      if (victim === undefined) return;
      freed += victim.segment.size;
      await this.#remove(victim, isBeyondBound ? "bound" : "disk");
      free = await freeBytes(this.#directory);
    }
  }

  #nextToGo(isAcknowledged: boolean): Victim | undefined {
    for (const boot of this.#boots.list)
      for (const segment of boot.segments)
        if (segment !== this.#active?.segment && (!isAcknowledged || segment.lastSeq <= boot.acknowledged))
          return { boot, segment };
    return undefined;
  }

  async #remove(victim: Victim, reason: "bound" | "disk"): Promise<boolean> {
    this.#drop(victim, reason);
    // What goes is told of by the state file: a supervisor that is killed in between has it there before the records are gone.
    const isKept = await this.#state.keep();
    // One that cannot be removed is read again by the next boot.
    const isRemoved = await unlink(victim.segment.path).then(
      () => true,
      () => false,
    );
    // On a full disk there is room for it only now.
    if (!isKept) await this.#state.keep();
    return isRemoved;
  }

  #drop({ boot, segment }: Victim, reason: "bound" | "disk" | "damaged"): void {
    const index = boot.segments.indexOf(segment);
    if (index === -1) return;
    boot.segments.splice(index, 1);
    this.#state.changed();
    this.#boots.gone(boot, { from: segment.firstSeq, to: segment.lastSeq, bytes: segment.bodyBytes, reason });
    this.#boots.forget();
  }
}

/** The segment that is written. */
interface Active {
  readonly segment: Segment;
  readonly file: FileHandle;
  /** It has records, and its boot knows it. */
  isListed: boolean;
  /** A write of which only a part may be in the file. */
  isTorn: boolean;
  /** Somebody changed the file. */
  isSpoiled: boolean;
  /** When it was last seen to have a name still. */
  seenAtMs: number;
}

interface Victim {
  readonly boot: Boot;
  readonly segment: Segment;
}

/** Sixteen segments fill the bound, so that little goes at once. */
function segmentBytesFor(bytes: number): number {
  return Math.min(SEGMENT_LIMIT / 2, Math.max(LEAST_SEGMENT_BYTES, Math.floor(bytes / 16)));
}

/** A file that somebody removed takes records and keeps none. */
async function isThere(active: Active): Promise<boolean> {
  if (performance.now() - active.seenAtMs < LOOK_AFTER_MS) return true;
  active.seenAtMs = performance.now();
  return (await active.file.stat()).nlink > 0;
}

async function writeFully(file: FileHandle, buffers: readonly Buffer[], position: number): Promise<void> {
  let rest = [...buffers];
  for (let at = position; rest.length > 0;) {
    const { bytesWritten } = await file.writev(rest, at);
    at += bytesWritten;
    let written = bytesWritten;
    rest = rest.flatMap((buffer) => {
      const skipped = Math.min(written, buffer.length);
      written -= skipped;
      return skipped < buffer.length ? [buffer.subarray(skipped)] : [];
    });
  }
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
