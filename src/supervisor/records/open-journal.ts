import type { RecordBatch } from "../../model/record.ts";
import type { Backlog } from "../../model/link.ts";
import type { LogAnswer, LogQuery, LogStats, LogSummary } from "../../model/worker-calls.ts";
import { reasonOf } from "../../model/errors.ts";
import type { LineBlock } from "../capture/line-block.ts";
import type { Boot } from "./boot.ts";
import type { Boots } from "./boots.ts";
import { Disk } from "./disk.ts";
import { BODY_LIMIT, type FrameHead, writeEntry, writeLines } from "./frame.ts";
import type { Entry, Journal } from "./journal.ts";
import { openRecords } from "./open-records.ts";
import { type Page, Pages } from "./pages.ts";
import { Search } from "./query.ts";
import { Reader, type Unreadable } from "./reading.ts";
import { StateKeeper } from "./state-keeper.ts";
import { LevelCount, tallyAll } from "./stats.ts";
import { noLevels, summariesOf } from "./tally.ts";

const MEBIBYTE = 1_048_576;
const RETRY_MS = 1000;
// Parts of the memory bound. All of it is used only while the disk does not take records: a flood shall not make the process large.
const WRITE_FROM = 1 / 8;
const FULL_FROM = 3 / 8;
const ROOM_FROM = 1 / 4;

export interface JournalOptions {
  /** Of the journal alone; made when it is missing. */
  readonly directory: string;
  readonly bootID: string;
  /** Of the supervisor, for the `booted` event. */
  readonly version: string;
  readonly memoryBytes?: number;
  readonly diskBytes?: number;
  /** So long an unacknowledged record is in memory alone at most. */
  readonly writeAfterMs?: number;
  readonly now?: () => number;
  /** Called with a sentence when the disk stops or begins again to take records. */
  readonly onTrouble?: (message: string) => void;
}

/** Opens the journal of this boot, whose first record is the `booted` event. Never rejects: where nothing can be written, records stay in memory up to the bound. */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { boots, previous, damaged, tooMany } = await openRecords(
    options.directory,
    options.bootID,
    options.diskBytes ?? 256 * MEBIBYTE,
  );
  const journal = new RecordJournal(options, boots);
  const { version } = options;
  journal.append({
    kind: "event",
    instance: null,
    event: {
      type: "booted",
      version,
      previous: previous && { bootID: previous.id, clean: previous.isClean, lastSeq: previous.lastSeq },
    },
  });
  if (damaged > 0)
    journal.append({ kind: "lost", instance: null, lost: { reason: "damaged", from: null, to: null, lines: 0, bytes: damaged } });
  if (tooMany.lines > 0)
    journal.append({ kind: "lost", instance: null, lost: { reason: "bound", from: null, to: null, ...tooMany } });
  boots.forget();
  await journal.keepState();
  return journal;
}

class RecordJournal implements Journal {
  readonly bootID: string;
  readonly #boots: Boots;
  readonly #present: Boot;
  readonly #pages: Pages;
  readonly #disk: Disk;
  readonly #state: StateKeeper;
  readonly #reader: Reader;
  readonly #levels: LevelCount;
  readonly #memoryBytes: number;
  readonly #writeAfterMs: number;
  readonly #now: () => number;
  readonly #onTrouble: (message: string) => void;
  readonly #ids: Map<string, Uint8Array> = new Map();
  readonly #listeners: Set<() => void> = new Set();
  readonly #waiting: (() => void)[] = [];
  #isAnnounced = false;
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

  constructor(options: JournalOptions, boots: Boots) {
    this.bootID = options.bootID;
    this.#boots = boots;
    this.#present = boots.present;
    this.#memoryBytes = options.memoryBytes ?? 16 * MEBIBYTE;
    this.#pages = new Pages(this.#memoryBytes);
    this.#writeAfterMs = options.writeAfterMs ?? 1000;
    this.#now = options.now ?? Date.now;
    this.#onTrouble = options.onTrouble ?? ((): void => undefined);
    this.#state = new StateKeeper(options.directory, boots);
    this.#disk = new Disk(options.directory, options.diskBytes ?? 256 * MEBIBYTE, boots, this.#state);
    this.#reader = new Reader(this.#unreadable);
    this.#levels = new LevelCount(boots, this.#pages, this.#unreadable);
  }

  get lastSeq(): number {
    return this.#present.lastSeq;
  }

  appendLines(block: LineBlock): number {
    const count = block.ends.length;
    const bodyBytes = block.ends[count - 1] ?? 0;
    if (count === 0) return this.lastSeq + 1;
    if (bodyBytes > BODY_LIMIT) return this.#tooLarge(block.instance, count, bodyBytes);
    const head = this.#nextHead(block.instance, count, block.atMs);
    const page = this.#pages.pageFor(head, bodyBytes);
    this.#appended(page, head, writeLines(page.buffer, page.used, head, block, bodyBytes));
    return head.firstSeq;
  }

  append(entry: Entry): number {
    const atMs = Math.max(this.#now(), this.#present.lastAtMs);
    const { kind, instance } = entry;
    const said = kind === "error" ? { group: entry.group } : kind === "event" ? { event: entry.event } : entry.lost;
    const json = Buffer.from(JSON.stringify({ seq: this.lastSeq + 1, atMs, instance, kind, ...said }));
    if (json.length > BODY_LIMIT) return this.#tooLarge(instance, 1, json.length);
    const head = this.#nextHead(instance, 1, atMs);
    const page = this.#pages.pageFor(head, json.length);
    this.#appended(page, head, writeEntry(page.buffer, page.used, head, json));
    return head.firstSeq;
  }

  #tooLarge(instance: string | null, lines: number, bytes: number): number {
    return this.append({ kind: "lost", instance, lost: { reason: "bound", from: null, to: null, lines, bytes } });
  }

  #nextHead(instance: string | null, count: number, atMs: number): FrameHead {
    const present = this.#present;
    const head = { firstSeq: present.lastSeq + 1, count, atMs: Math.max(atMs, present.lastAtMs), instance: this.#idOf(instance) };
    present.lastSeq += count;
    present.lastAtMs = head.atMs;
    return head;
  }

  #idOf(instance: string | null): Uint8Array {
    const known = this.#ids.get(instance ?? "");
    if (known !== undefined) return known;
    if (this.#ids.size > 1000) this.#ids.clear();
    const id = Buffer.from(instance ?? "", "latin1");
    this.#ids.set(instance ?? "", id);
    return id;
  }

  #appended(page: Page, head: FrameHead, used: number): void {
    page.used = used;
    page.lastSeq = head.firstSeq + head.count - 1;
    // Where the disk takes nothing, and for who goes on although it was told to wait.
    while (this.#pages.bytes > this.#memoryBytes) {
      const gone = this.#pages.drop();
      if (gone === undefined) break;
      const { firstSeq: from, lastSeq: to, bytes } = gone;
      this.#boots.gone(this.#present, { from, to, bytes, reason: this.#isFailing ? "disk" : "bound" });
      this.#state.changed();
    }
    if (this.#pages.bytes > this.#memoryBytes * WRITE_FROM) this.#write();
    this.#setTimer();
    if (this.#isAnnounced || this.#listeners.size === 0) return;
    this.#isAnnounced = true;
    setImmediate(() => {
      this.#isAnnounced = false;
      for (const listener of this.#listeners) listener();
    });
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks twice in the time an unacknowledged record has: what was there the first time is written the second time. */
  #setTimer(): void {
    if (this.#timer !== null || this.#isClosed || this.lastSeq <= this.#safeSeq) return;
    this.#markedSeq = this.lastSeq;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#markedSeq > this.#safeSeq) {
        this.#dueSeq = this.lastSeq;
        this.#write();
      }
      this.#setTimer();
    }, this.#writeAfterMs / 2);
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
      if (!this.#isClosed && this.#nextPage() !== undefined) this.#write();
    });
  }

  #nextPage(): Page | undefined {
    const page = this.#pages.list.find((one) => one.written < one.used);
    const isDue = this.#isClosed || this.#pages.bytes > this.#memoryBytes * WRITE_FROM || this.#dueSeq > this.#writtenSeq;
    return isDue ? page : undefined;
  }

  async #writeAll(): Promise<void> {
    for (let page = this.#nextPage(); page !== undefined; page = this.#nextPage()) {
      const { used, lastSeq } = page;
      page.isWriting = true;
      try {
        await this.#disk.write(page.buffer, page.written, used);
      } catch (error) {
        const isPressed = this.#pages.bytes > this.#memoryBytes * 0.75;
        if (await this.#disk.mend(error, isPressed)) continue;
        return this.#fails(error);
      } finally {
        page.isWriting = false;
      }
      page.written = used;
      page.writtenSeq = this.#writtenSeq = lastSeq;
      this.#pages.releaseWritten();
      if (this.#isFailing) this.#onTrouble("the disk takes records again");
      this.#isFailing = false;
      this.#giveRoom();
    }
  }

  #fails(error: unknown): void {
    if (!this.#isFailing)
      this.#onTrouble(
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

  readonly #unreadable: Unreadable = (boot, segment) => this.#disk.unreadable(boot, segment);

  backlog(): readonly Backlog[] {
    return this.#boots.list
      .filter((boot) => boot.lastSeq > boot.acknowledged)
      .map((boot) => ({ bootID: boot.id, firstSeq: boot.acknowledged + 1, lastSeq: boot.lastSeq }));
  }

  async read(
    bootID: string,
    afterSeq: number,
    limits: { readonly records: number; readonly bytes: number },
  ): Promise<RecordBatch["records"]> {
    const boot = this.#boots.find(bootID);
    return boot === undefined ? [] : this.#reader.read(boot, boot === this.#present ? this.#pages : null, afterSeq, limits);
  }

  acknowledge(bootID: string, seq: number): void {
    const boot = this.#boots.find(bootID);
    const upTo = Math.min(seq, boot?.lastSeq ?? 0);
    if (boot === undefined || upTo <= boot.acknowledged) return;
    boot.acknowledged = upTo;
    boot.isCollected = true;
    this.#boots.forget();
    this.#state.changed();
    void this.#disk.removeCleared();
  }

  async query(query: LogQuery): Promise<LogAnswer> {
    return new Search(query, this.#boots, this.#pages, this.#unreadable).answer();
  }

  summaries(): readonly LogSummary[] {
    return summariesOf(tallyAll(this.#boots, this.#pages));
  }

  async stats(instances?: readonly string[]): Promise<LogStats> {
    const tallies = await this.#levels.count();
    const present = this.#present;
    const levelsOf = (instance: string): ReturnType<typeof noLevels> => tallies.get(instance)?.levels ?? noLevels();
    return {
      instances: summariesOf(tallies)
        .filter(({ instance }) => instances?.includes(instance) ?? true)
        .map((summary) => ({ ...summary, levels: levelsOf(summary.instance) })),
      bootID: this.bootID,
      firstSeq: Math.min(present.segments[0]?.firstSeq ?? Infinity, this.#pages.list[0]?.firstSeq ?? present.lastSeq),
      lastSeq: present.lastSeq,
      memoryBytes: this.#pages.bytes,
      diskBytes: this.#disk.usedBytes,
      lost: { records: this.#boots.lostRecords, bytes: this.#boots.lostBytes },
      acknowledgedSeq: present.isCollected ? present.acknowledged : null,
    };
  }

  clear(instances?: readonly string[]): number {
    let lines = 0;
    for (const [instance, tally] of tallyAll(this.#boots, this.#pages))
      if (instances?.includes(instance) ?? true) lines += tally.lines;
    for (const boot of this.#boots.list) boot.clear(instances);
    if (instances === undefined) this.#boots.clearedTo = this.#present.number - 1;
    this.#state.changed();
    void this.#disk.removeCleared();
    return lines;
  }

  /** Writes down which boot this is, so that the next one knows of it. */
  async keepState(): Promise<void> {
    await this.#state.keep();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    this.#giveRoom();
    await this.#writing;
    await this.#writeAll();
    await this.#disk.close();
    this.#present.isClean = this.#writtenSeq === this.lastSeq;
    await this.#state.close();
  }
}
