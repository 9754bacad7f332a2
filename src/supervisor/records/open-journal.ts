import type { RecordBatch } from "../../model/record.ts";
import type { Backlog } from "../../model/link.ts";
import type { LogAnswer, LogQuery, LogStats, LogSummary } from "../../model/worker-calls.ts";
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
import { WriteBehind } from "./write-behind.ts";

const MEBIBYTE = 1_048_576;

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
  readonly #writing: WriteBehind;
  readonly #now: () => number;
  readonly #ids: Map<string, Uint8Array> = new Map();
  readonly #listeners: Set<() => void> = new Set();
  #isAnnounced = false;
  #isClosed = false;

  constructor(options: JournalOptions, boots: Boots) {
    this.bootID = options.bootID;
    this.#boots = boots;
    this.#present = boots.present;
    const { directory, memoryBytes = 12 * MEBIBYTE, diskBytes = 256 * MEBIBYTE, writeAfterMs = 1000 } = options;
    const { onTrouble = (): void => undefined } = options;
    this.#now = options.now ?? Date.now;
    this.#pages = new Pages(memoryBytes);
    this.#state = new StateKeeper(directory, boots);
    this.#disk = new Disk(directory, diskBytes, boots, this.#state);
    this.#writing = new WriteBehind({
      pages: this.#pages,
      disk: this.#disk,
      boots,
      state: this.#state,
      memoryBytes,
      writeAfterMs,
      onTrouble,
    });
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
    this.#writing.appended();
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

  get full(): boolean {
    return this.#writing.full;
  }

  room(): Promise<void> {
    return this.#writing.room();
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
    this.#present.isClean = await this.#writing.close();
    await this.#disk.close();
    await this.#state.close();
  }
}
