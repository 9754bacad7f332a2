import type { EntryFilter } from "../../model/entry.ts";
import type { Store } from "../../store/store.ts";
import type { Feed, FeedPart } from "../feed.ts";
import { type Block, blocksOf } from "./block.ts";
import { Ring } from "./ring.ts";
import { type Sieve, sieveOf } from "./sieve.ts";
import { Turns } from "./turns.ts";

export interface FeedOptions {
  /** Of the newest entries that are held for all who follow. */
  readonly mostBytes?: number;
}

export interface OpenFeed extends Feed {
  /** Ends all that follow. */
  close(): void;
}

const MOST_BYTES = 33_554_432;
/** Entries that are read from the store at once. */
const PAGE = 2_000;
/** Readers that read from the store at the same time; the others wait, so that many at once do not keep those waiting who ask for something. */
const CATCHING_UP = 2;
/** A reader of whose filter nothing came for so many positions is told where it is, so that it need not begin so far back. */
const STRETCH = 50_000;
/** Readers get what comes by itself at once, and what comes so soon after it together. */
const GATHER_MS = 10;

/** Feeds of a store's entries: what is new from memory, what is older from the store. */
export function openFeed(store: Pick<Store, "listen" | "entries" | "position">, options: FeedOptions = {}): OpenFeed {
  return new StoreFeed(store, options.mostBytes ?? MOST_BYTES);
}

/** One who follows, as the feed knows it. */
interface Reader {
  readonly sieve: Sieve;
  /** Everything that the sieve takes up to here was given, or told as missing. */
  cursor: number;
  /** The position that it was told last. */
  told: number;
  /** It reads from the ring, and what goes from there is missing to it. */
  isLive: boolean;
  missed: number;
}

class StoreFeed implements OpenFeed {
  readonly #store: Pick<Store, "entries" | "position">;
  readonly #ring: Ring;
  readonly #readers = new Set<Reader>();
  readonly #turns = new Turns(CATCHING_UP);
  readonly #over = new AbortController();
  readonly #unlisten: () => void;
  #waiting: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;
  #toldAtMs = 0;

  constructor(store: Pick<Store, "listen" | "entries" | "position">, mostBytes: number) {
    this.#store = store;
    this.#ring = new Ring(store.position, mostBytes, (block) => this.#dropped(block));
    this.#unlisten = store.listen((entries) => {
      this.#ring.add(entries);
      this.#tell();
    });
  }

  get position(): number {
    // What is kept and is no entry (an audit row, a run) has a position as well, and a cursor may be such a one.
    return Math.max(this.#ring.position, this.#store.position);
  }

  follow(filter: EntryFilter, after: number | null, signal: AbortSignal): AsyncIterable<FeedPart> {
    const begin = this.#ring.position;
    // A cursor from beyond the newest entry is of another database.
    const cursor = after === null || after > Math.max(begin, this.#store.position) ? begin : after;
    const reader: Reader = { sieve: sieveOf(filter), cursor, told: cursor, isLive: false, missed: 0 };
    return this.#read(reader, filter, begin, AbortSignal.any([signal, this.#over.signal]));
  }

  close(): void {
    this.#unlisten();
    this.#over.abort();
    this.#wake();
  }

  async *#read(reader: Reader, filter: EntryFilter, begin: number, signal: AbortSignal): AsyncGenerator<FeedPart, void, void> {
    const wake = (): void => this.#wake();
    signal.addEventListener("abort", wake);
    this.#readers.add(reader);
    let toldLive = false;
    try {
      while (!signal.aborted) {
        if (!reader.isLive) {
          yield* this.#readStore(reader, filter, signal);
          continue;
        }
        const gap = reader.cursor < this.#ring.start ? this.#skip(reader) : null;
        // After each part it is looked anew whether the ring has gone past the reader: it may have taken its time.
        if (gap) {
          yield gap;
          continue;
        }
        if (!toldLive && reader.cursor >= begin) {
          toldLive = true;
          yield { kind: "live", position: reader.cursor };
          continue;
        }
        const part = this.#next(reader);
        if (part) yield part;
        else if (!toldLive && reader.cursor >= begin) continue;
        else if (!signal.aborted) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
    } finally {
      signal.removeEventListener("abort", wake);
      this.#readers.delete(reader);
    }
  }

  /** From the store, until what is left is in the ring. */
  async *#readStore(reader: Reader, filter: EntryFilter, signal: AbortSignal): AsyncGenerator<FeedPart, void, void> {
    let droppedUpTo = reader.cursor;
    while (!signal.aborted) {
      if (reader.cursor >= this.#ring.start) {
        reader.isLive = true;
        return;
      }
      // What was told before the question is in the answer.
      const told = this.#ring.position;
      const { cursor } = reader;
      const page = await this.#turns.take(async () =>
        signal.aborted ? null : await this.#store.entries(filter, { after: cursor, limit: PAGE }),
      );
      if (page === null) return;
      // What went after the reader had it is not missing to it.
      const after = Math.max(droppedUpTo, reader.cursor);
      if (page.droppedUpTo > after) {
        yield { kind: "gap", reason: "no longer kept", after, upTo: page.droppedUpTo, entries: null };
        droppedUpTo = page.droppedUpTo;
      }
      for (const block of blocksOf(page.items)) {
        const { entries, text } = block.select(reader.sieve, reader.cursor);
        reader.cursor = block.last;
        yield { kind: "entries", entries, position: block.last, text };
      }
      if (!page.more) reader.cursor = Math.max(reader.cursor, told);
    }
  }

  /** What comes next for a reader, or null when nothing does yet. */
  #next(reader: Reader): FeedPart | null {
    for (let block = this.#ring.after(reader.cursor); block !== null; block = this.#ring.after(reader.cursor)) {
      const { entries, text } = block.select(reader.sieve, reader.cursor);
      reader.cursor = block.last;
      if (entries.length === 0 && reader.cursor - reader.told < STRETCH) continue;
      reader.told = reader.cursor;
      return { kind: "entries", entries, position: block.last, text };
    }
    return null;
  }

  /** Brings a reader that was overtaken to what comes now: it would be overtaken again and again where the oldest is. */
  #skip(reader: Reader): FeedPart | null {
    const after = reader.cursor;
    if (reader.missed === 0) {
      reader.cursor = this.#ring.start;
      return null;
    }
    let entries = reader.missed;
    for (let at = this.#ring.start, block = this.#ring.after(at); block !== null; at = block.last, block = this.#ring.after(at))
      entries += block.select(reader.sieve, at).entries.length;
    reader.cursor = this.#ring.position;
    reader.missed = 0;
    return { kind: "gap", reason: "slow reader", after, upTo: reader.cursor, entries };
  }

  #dropped(block: Block): void {
    for (const reader of this.#readers)
      if (reader.isLive && reader.cursor < block.last) reader.missed += block.select(reader.sieve, reader.cursor).entries.length;
  }

  #tell(): void {
    if (this.#timer) return;
    const early = this.#toldAtMs + GATHER_MS - performance.now();
    if (early <= 0) return this.#wake();
    this.#timer = setTimeout(() => this.#wake(), early);
  }

  #wake(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#toldAtMs = performance.now();

    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
