import { reasonOf } from "../../model/errors.ts";
import type { Boot } from "./boot.ts";
import type { Boots } from "./boots.ts";
import type { Disk, Piece } from "./disk.ts";
import type { Pages } from "./pages.ts";
import type { StateKeeper } from "./state-keeper.ts";

const RETRY_MS = 1000;
// Parts of the memory bound. All of it is used only while the disk does not take records: a flood shall not make the process large.
const WRITE_FROM = 1 / 8;
const FULL_FROM = 3 / 8;
const ROOM_FROM = 1 / 4;
const PRESSED_FROM = 3 / 4;

export interface WriteBehindOptions {
  readonly pages: Pages;
  readonly disk: Disk;
  readonly boots: Boots;
  readonly state: StateKeeper;
  readonly memoryBytes: number;
  readonly writeAfterMs: number;
  readonly onTrouble: (message: string) => void;
}

/** Brings records from memory to disk, in time and beside all else; where the disk takes none, the oldest in memory go. */
export class WriteBehind {
  readonly #options: WriteBehindOptions;
  readonly #pages: Pages;
  readonly #present: Boot;
  readonly #memoryBytes: number;
  readonly #waiting: (() => void)[] = [];
  /** The last record on disk. */
  #writtenSeq = 0;
  /** Everything up to here has to be on disk as soon as can be. */
  #dueSeq = 0;
  /** The last record when the timer was set. */
  #markedSeq = 0;
  #timer: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;
  #isFailing = false;
  #isClosed = false;

  constructor(options: WriteBehindOptions) {
    this.#options = options;
    this.#pages = options.pages;
    this.#present = options.boots.present;
    this.#memoryBytes = options.memoryBytes;
  }

  /** Something new is in memory. */
  appended(): void {
    // Where the disk takes nothing, and for who goes on although it was told to wait.
    const { boots, state } = this.#options;
    while (this.#pages.bytes > this.#memoryBytes) {
      const gone = this.#pages.drop();
      if (gone === undefined) break;
      const { firstSeq: from, lastSeq: to, bytes } = gone;
      boots.gone(this.#present, { from, to, bytes, reason: this.#isFailing ? "disk" : "bound" });
      state.changed();
    }
    if (this.#pages.bytes > this.#memoryBytes * WRITE_FROM) this.#write();
    this.#setTimer();
  }

  /** Looks twice in the time an unacknowledged record has: what was there the first time is written the second time. */
  #setTimer(): void {
    if (this.#timer !== null || this.#isClosed || this.#present.lastSeq <= this.#safeSeq) return;
    this.#markedSeq = this.#present.lastSeq;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#markedSeq > this.#safeSeq) {
        this.#dueSeq = this.#present.lastSeq;
        this.#write();
      } else this.#pages.trim();
      this.#setTimer();
    }, this.#options.writeAfterMs / 2);
    this.#timer.unref();
  }

  get #safeSeq(): number {
    return Math.max(this.#present.acknowledged, this.#writtenSeq);
  }

  get full(): boolean {
    const { bytes, list } = this.#pages;
    return !this.#isFailing && !this.#isClosed && list.length > 1 && bytes >= this.#memoryBytes * FULL_FROM;
  }

  room(): Promise<void> {
    if (!this.full) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #giveRoom(): void {
    // The page that is being filled is kept, however little memory there is.
    const { bytes, list } = this.#pages;
    if (this.#isFailing || this.#isClosed || list.length <= 1 || bytes < this.#memoryBytes * ROOM_FROM)
      for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #write(): void {
    if (this.#writing !== null || this.#retry !== null || this.#isClosed) return;
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = null;
      // What came due while the last write was ending.
      if (!this.#isClosed && this.#isDue) this.#write();
    });
  }

  get #isDue(): boolean {
    if (this.#writtenSeq === this.#present.lastSeq) return false;
    return this.#isClosed || this.#pages.bytes > this.#memoryBytes * WRITE_FROM || this.#dueSeq > this.#writtenSeq;
  }

  async #writeAll(): Promise<void> {
    const { disk } = this.#options;
    while (this.#isDue) {
      const pieces = this.#nextPieces();
      for (const { page } of pieces) page.isWriting = true;
      try {
        await disk.write(pieces);
      } catch (error) {
        const isPressed = this.#pages.bytes > this.#memoryBytes * PRESSED_FROM;
        if (await disk.mend(error, isPressed)) continue;
        return this.#fails(error);
      } finally {
        for (const { page } of pieces) page.isWriting = false;
      }
      for (const { page, end, lastSeq } of pieces) {
        page.written = end;
        page.writtenSeq = this.#writtenSeq = lastSeq;
      }
      this.#pages.releaseWritten();
      if (this.#isFailing) this.#options.onTrouble("the disk takes records again");
      this.#isFailing = false;
      this.#giveRoom();
    }
  }

  /** What waits in memory, oldest first, as much as is written at once: each write costs a turn of the event loop. */
  #nextPieces(): readonly Piece[] {
    const pieces: Piece[] = [];
    let bytes = 0;
    for (const page of this.#pages.list) {
      if (page.written === page.used) continue;
      bytes += page.used - page.written;
      if (pieces.length > 0 && bytes > this.#options.disk.batchBytes) break;
      pieces.push({ page, start: page.written, end: page.used, lastSeq: page.lastSeq });
    }
    return pieces;
  }

  #fails(error: unknown): void {
    if (!this.#isFailing)
      this.#options.onTrouble(
        `the disk does not take records (${reasonOf(error)}): the newest stay in memory, up to ${this.#memoryBytes} bytes`,
      );
    this.#isFailing = true;
    this.#giveRoom();
    if (this.#isClosed) return;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#write();
    }, RETRY_MS);
    this.#retry.unref();
  }

  /** Writes what is left; true when all of it is on disk. */
  async close(): Promise<boolean> {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#giveRoom();
    await this.#writing;
    await this.#writeAll();
    return this.#writtenSeq === this.#present.lastSeq;
  }
}
