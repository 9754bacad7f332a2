import { type Frame, frameAt, frameBytes, type FrameHead } from "./frame.ts";

const MOST_PAGE_BYTES = 262_144;
const LEAST_PAGE_BYTES = 16_384;
/** Pages that are kept for the next records; a flood would otherwise have the kernel hand out and clear each of them anew. */
const SPARE_PAGES = 16;
const IDLE_PAGES = 1;

/** About so far apart are the places in a page from which frames are looked for. */
const MARK_BYTES = 8192;

/** A piece of memory in which frames stand one after the other. */
export interface Page {
  readonly buffer: Buffer;
  used: number;
  /** Up to here it is on disk. */
  written: number;
  /** Of the first and the last frame in it. */
  firstSeq: number;
  lastSeq: number;
  /** Of the last frame that is on disk; 0 before the first. */
  writtenSeq: number;
  /** Where some of the frames begin. */
  readonly marks: { readonly at: number; readonly firstSeq: number }[];
  /** A write reads from it just now. */
  isWriting: boolean;
}

/** The newest records, in memory of a fixed size that is used over and over. */
export class Pages {
  /** Oldest first; the last one is being filled. */
  readonly list: Page[] = [];
  bytes = 0;
  readonly #pageBytes: number;
  readonly #spare: Buffer[] = [];

  /** Of memory for `bytes`, a page is a small part. */
  constructor(bytes: number) {
    this.#pageBytes = Math.min(MOST_PAGE_BYTES, Math.max(LEAST_PAGE_BYTES, Math.floor(bytes / 64)));
  }

  /** The page, at whose end a frame of that size fits. */
  pageFor(head: FrameHead, bodyBytes: number): Page {
    const bytes = frameBytes(head.instance, bodyBytes);
    const last = this.list.at(-1);
    if (last !== undefined && last.used + bytes <= last.buffer.length) {
      if (last.used - (last.marks.at(-1)?.at ?? 0) >= MARK_BYTES) last.marks.push({ at: last.used, firstSeq: head.firstSeq });
      return last;
    }
    if (last !== undefined && last.written === last.used) this.#forget(this.list.length - 1);
    const buffer =
      bytes > this.#pageBytes ? Buffer.allocUnsafeSlow(bytes) : (this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#pageBytes));
    const page: Page = {
      buffer,
      used: 0,
      written: 0,
      firstSeq: head.firstSeq,
      lastSeq: 0,
      writtenSeq: 0,
      marks: [],
      isWriting: false,
    };
    this.list.push(page);
    this.bytes += buffer.length;
    return page;
  }

  /** Takes away pages at the front that are on disk as a whole; the one that is being filled stays while it has room. */
  releaseWritten(): void {
    while (this.list.length > 1 && this.list[0]?.written === this.list[0]?.used) this.#forget(0);
  }

  /** Takes away the oldest page that nobody writes, and gives what was in it and not on disk. Undefined when there is no other than the one being filled. */
  drop(): { readonly firstSeq: number; readonly lastSeq: number; readonly bytes: number } | undefined {
    const index = this.list.findIndex((page) => !page.isWriting);
    const page = this.list[index];
    if (page === undefined || index === this.list.length - 1) return undefined;
    const firstSeq = page.written === 0 ? page.firstSeq : page.writtenSeq + 1;
    let bytes = 0;
    for (const frame of framesOf(page, page.written)) bytes += frame.end - frame.bodyAt;
    this.#forget(index);
    return { firstSeq, lastSeq: page.lastSeq, bytes };
  }

  /** Gives back memory that only a flood needs. */
  trim(): void {
    this.#spare.splice(IDLE_PAGES);
  }

  #forget(index: number): void {
    const [page] = this.list.splice(index, 1);
    if (page === undefined) return;
    this.bytes -= page.buffer.length;
    if (page.buffer.length === this.#pageBytes && this.#spare.length < SPARE_PAGES) this.#spare.push(page.buffer);
  }
}

/** The frames of a page from `at` on. */
export function* framesOf(page: Page, at = 0): Generator<Frame> {
  const end = page.used;
  while (at < end) {
    const frame = frameAt(page.buffer, at);
    yield frame;
    at = frame.end;
  }
}
