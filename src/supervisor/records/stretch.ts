import type { Boot } from "./boot.ts";
import { findFrame, type Frame } from "./frame.ts";
import { framesOf, type Page, type Pages } from "./pages.ts";
import { readSpan, type Scratch, type Segment, SPAN_LIMIT } from "./segment.ts";

/** A run of frames that is read at once, from memory or from disk. */
export type Stretch =
  | { readonly where: "memory"; readonly page: Page; readonly firstSeq: number; readonly lastSeq: number }
  | {
      readonly where: "disk";
      readonly segment: Segment;
      readonly from: number;
      readonly to: number;
      /** No frame in it has a number before or after these. */
      readonly firstSeq: number;
      readonly lastSeq: number;
    };

/** Frames with the bytes they point into. */
export interface Loaded {
  readonly buffer: Buffer;
  readonly frames: readonly Frame[];
  /** This process wrote them, and nobody else could reach them since. */
  readonly isOwn: boolean;
}

/** The stretch in which the record after `seq` is, or the first one behind that. `pages` are those of the present boot. */
export function stretchAfter(boot: Boot, pages: Pages | null, seq: number): Stretch | undefined {
  const first = pages?.list[0];
  if (first === undefined || first.firstSeq > seq + 1) {
    const segment = boot.segments.find((one) => one.lastSeq > seq);
    if (segment !== undefined) {
      const behind = segment.spans.findIndex((span) => span.firstSeq > seq + 1);
      return spanOf(segment, behind === -1 ? segment.spans.length - 1 : Math.max(0, behind - 1));
    }
  }
  const page = pages?.list.find((one) => one.lastSeq > seq);
  return page && { where: "memory", page, firstSeq: page.firstSeq, lastSeq: page.lastSeq };
}

/** The last stretch that begins before the record `seq`. */
export function stretchBefore(boot: Boot, pages: Pages | null, seq: number): Stretch | undefined {
  const page = pages?.list.findLast((one) => one.firstSeq < seq);
  if (page !== undefined) return { where: "memory", page, firstSeq: page.firstSeq, lastSeq: page.lastSeq };
  const segment = boot.segments.findLast((one) => one.firstSeq < seq);
  return (
    segment &&
    spanOf(
      segment,
      segment.spans.findLastIndex((span) => span.firstSeq < seq),
    )
  );
}

function spanOf(segment: Segment, index: number): Stretch | undefined {
  const span = segment.spans[index];
  if (span === undefined) return undefined;
  const next = segment.spans[index + 1];
  return {
    where: "disk",
    segment,
    from: span.at,
    to: Math.min(next?.at ?? segment.size, span.at + SPAN_LIMIT),
    firstSeq: span.firstSeq,
    lastSeq: next === undefined ? segment.lastSeq : next.firstSeq - 1,
  };
}

/** A page's frames behind `seq` as they are now, and perhaps some before it; to be used before anything else happens. */
export function framesAfter(page: Page, seq: number): Loaded {
  const mark = page.marks.findLast(({ firstSeq }) => firstSeq <= seq + 1);
  return { buffer: page.buffer, frames: [...framesOf(page, mark?.at)], isOwn: true };
}

/** A copy of a page, for who lets others have their turn while it looks at it. */
export function copyPage(page: Page): Loaded {
  return { buffer: Buffer.from(page.buffer.subarray(0, page.used)), frames: [...framesOf(page)], isOwn: true };
}

/** What of a stretch can be read from disk; null when the file is not what it was. */
export async function loadSpan(stretch: Stretch & { where: "disk" }, scratch: Scratch): Promise<Loaded | null> {
  const buffer = await readSpan(stretch.segment, stretch.from, stretch.to, scratch);
  if (buffer === null) return null;
  const frames: Frame[] = [];
  let lastSeq = stretch.firstSeq - 1;
  let lastAtMs = 0;
  for (let at = 0; at < buffer.length;) {
    const found = findFrame(buffer, at, buffer.length, lastSeq, lastAtMs);
    if (found.what === "frame" && found.frame.lastSeq <= stretch.lastSeq) {
      frames.push(found.frame);
      ({ lastSeq, atMs: lastAtMs } = found.frame);
    }
    if (found.what === "frame") at = found.frame.end;
    else if (found.what === "damaged") at = found.end;
    else break;
  }
  return { buffer, frames, isOwn: false };
}
