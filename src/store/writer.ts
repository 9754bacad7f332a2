import { type CompiledQuery, sql } from "kysely";
import { NovaError } from "../model/errors.ts";
import type { Entry } from "../model/entry.ts";
import type { Database, Done } from "./database.ts";
import { readEntries } from "./queries/entries.ts";
import { build, prepare } from "./tables.ts";

/** Something to be written, whole or not at all. */
export interface Writing<Result> {
  /** So many it takes, used or not. */
  readonly positions: number;
  /** Its statements, when `first` is the first of its positions. */
  statements(first: number): readonly CompiledQuery[];
  /** What became of it, once it is kept: what each of its statements did. Its entries are told to those who listen. */
  kept(done: readonly Done[], first: number): { readonly result: Result; readonly entries: readonly Entry[] };
  /** The same where what its statements did was not heard, of the entries that are found at its positions; left out, it is done once more. */
  found?(entries: readonly Entry[]): Result;
}

interface Waiting {
  readonly writing: Writing<unknown>;
  resolve(result: unknown): void;
  reject(thrown: unknown): void;
}

/** What is on its way to the disk together. */
interface Commit {
  readonly taken: readonly { readonly waiting: Waiting; readonly first: number; readonly statements: number }[];
  /** The last position that it gives. */
  readonly upTo: number;
  readonly outcome: Promise<{ readonly done: readonly Done[] } | { readonly failure: unknown }>;
}

/** Of one commit, so that none takes long, and the next can be made ready meanwhile. */
const MOST_STATEMENTS = 2_000;
const MOST_POSITIONS = 10_000;

export interface WriterOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How often the time that positions were given at is noted. */
  readonly momentMs: number;
}

/**
 * The one queue of everything that is written: it gives positions in the order in which it commits, and tells entries in that order. What waits
 * while one commit goes on shares the next.
 */
export class Writer {
  readonly #database: Database;
  readonly #options: WriterOptions;
  readonly #listeners = new Set<(entries: readonly Entry[]) => void>();
  #waiting: Waiting[] = [];
  #working: Promise<void> | null = null;
  #position: number;
  #next: number;
  /** When the newest position was given, at the latest. */
  #positionAtMs: number;
  #noted: { readonly atMs: number; readonly position: number };
  #isClosed = false;

  /** `position`: the newest that was ever given. */
  constructor(database: Database, position: number, options: WriterOptions) {
    this.#database = database;
    this.#options = options;
    this.#position = position;
    this.#next = position + 1;
    this.#positionAtMs = options.now();
    this.#noted = { atMs: Number.NEGATIVE_INFINITY, position: -1 };
  }

  /** All that has a position up to it is kept and was told. */
  get position(): number {
    return this.#position;
  }

  write<Result>(writing: Writing<Result>): Promise<Result> {
    if (this.#isClosed) return Promise.reject(new NovaError("STORE_FAILED", "the store is closed"));
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#waiting.push({ writing, resolve, reject });
    this.#working ??= this.#work();
    return promise;
  }

  /** Writes what has no positions and no entries. */
  run(queries: readonly CompiledQuery[]): Promise<readonly Done[]> {
    return this.write({ positions: 0, statements: () => queries, kept: (done) => ({ result: done, entries: [] }) });
  }

  /** Notes now when the newest position was given, for those who reckon ages from it. */
  async noteMoment(): Promise<void> {
    await this.run([noteMoment({ atMs: this.#positionAtMs, position: this.#position })]);
  }

  listen(listener: (entries: readonly Entry[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when what waits is written. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#working;
  }

  async #work(): Promise<void> {
    // Those who write in the same turn share the first commit as well.
    await Promise.resolve();
    let commit = this.#begin();
    while (commit !== null) {
      const outcome = await commit.outcome;
      if ("failure" in outcome) {
        await this.#giveUp(commit, outcome.failure);
        commit = this.#begin();
      } else {
        // The next goes on while this one is told.
        const next = this.#begin();
        this.#finish(commit, outcome.done);
        commit = next ?? this.#begin();
      }
    }
    this.#working = null;
  }

  #begin(most = MOST_STATEMENTS): Commit | null {
    if (this.#waiting.length === 0) return null;
    const begun = this.#next;
    const taken: Commit["taken"][number][] = [];
    const statements: CompiledQuery[] = [];
    for (const waiting of this.#waiting) {
      if (statements.length >= most || this.#next - begun >= MOST_POSITIONS) break;
      const first = this.#next;
      this.#next += waiting.writing.positions;
      const own = waiting.writing.statements(first);
      statements.push(...own);
      taken.push({ waiting, first, statements: own.length });
    }
    this.#waiting = this.#waiting.slice(taken.length);
    const upTo = this.#next - 1;
    const notes = [...(upTo < begun ? [] : [notePosition({ position: upTo })]), ...this.#moment()];
    const outcome = this.#database.atomic([...statements, ...notes]).then(
      (done) => ({ done }),
      (failure: unknown) => ({ failure }),
    );
    return { taken, upTo, outcome };
  }

  #finish({ taken, upTo }: Commit, done: readonly Done[]): void {
    const entries: Entry[] = [];
    const results: unknown[] = [];
    let at = 0;
    for (const { waiting, first, statements } of taken) {
      const kept = waiting.writing.kept(done.slice(at, at + statements), first);
      at += statements;
      results.push(kept.result);
      for (const entry of kept.entries) entries.push(entry);
    }
    this.#told(upTo, entries);
    for (const [index, { waiting }] of taken.entries()) waiting.resolve(results[index]);
  }

  /** Where one of several cannot be written, each is tried by itself: the others do not suffer for it. */
  async #giveUp({ taken, upTo }: Commit, failure: unknown): Promise<void> {
    const isUnclear = failure instanceof NovaError && failure.code === "STORE_FAILED";
    if (isUnclear && (await this.#isKept(taken, upTo))) return await this.#finishFound(taken, upTo, failure);
    if (taken.length === 1 || !isUnclear) {
      for (const { waiting } of taken) waiting.reject(failure);
      return;
    }
    this.#waiting = [...taken.map(({ waiting }) => waiting), ...this.#waiting];
    for (let left = taken.length; left > 0; left -= 1) {
      const commit = this.#begin(1);
      if (commit === null) return;
      const outcome = await commit.outcome;
      if ("failure" in outcome) await this.#giveUp(commit, outcome.failure);
      else this.#finish(commit, outcome.done);
    }
  }

  /** What answers for the database may end after the commit and before the answer. */
  async #isKept(taken: Commit["taken"], upTo: number): Promise<boolean> {
    // What takes no positions may be done twice.
    if (taken.every(({ waiting }) => waiting.writing.positions === 0)) return false;
    const [mark] = await this.#database.read(readPosition).catch(() => []);
    return mark !== undefined && mark.value >= upTo;
  }

  /** Who listens hears of it as it would have: what was sent again is not new any more, and nobody would tell it. */
  async #finishFound(taken: Commit["taken"], upTo: number, failure: unknown): Promise<void> {
    let after = (taken[0]?.first ?? upTo) - 1;
    const entries: Entry[] = [];
    try {
      for (let more = true; more;) {
        const page = await readEntries(this.#database, {}, { after, before: upTo + 1, limit: MOST_POSITIONS });
        entries.push(...page.items);
        after = page.last ?? upTo;
        ({ more } = page);
      }
    } catch (thrown) {
      for (const { waiting } of taken) waiting.reject(thrown);
      return;
    }
    this.#told(upTo, entries);
    for (const { waiting, first } of taken) {
      const { positions, found } = waiting.writing;
      if (found === undefined) waiting.reject(failure);
      else waiting.resolve(found(entries.filter(({ position }) => position >= first && position < first + positions)));
    }
  }

  #told(upTo: number, entries: readonly Entry[]): void {
    if (upTo > this.#position) this.#positionAtMs = this.#options.now();
    this.#position = upTo;
    if (entries.length > 0) for (const listener of this.#listeners) tell(listener, entries);
  }

  #moment(): readonly CompiledQuery[] {
    const moment = { atMs: this.#positionAtMs, position: this.#position };
    if (moment.position === this.#noted.position) return [];
    // Either enough has come since the last note, or nothing has come for a while.
    const { now, momentMs } = this.#options;
    if (Math.abs(moment.atMs - this.#noted.atMs) < momentMs && Math.abs(now() - moment.atMs) < momentMs) return [];
    this.#noted = moment;
    return [noteMoment(moment)];
  }
}

/** What a listener does wrong is its own affair: what was written stays written. */
function tell(listener: (entries: readonly Entry[]) => void, entries: readonly Entry[]): void {
  try {
    listener(entries);
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}

const readPosition = build.selectFrom("marks").select("value").where("name", "=", "position").compile();

/** Not every position is a row's: what is kept already takes some as well, and those who follow may have been told them. */
const notePosition = prepare<{ position: number }>((value) =>
  build
    .insertInto("marks")
    .values({ name: "position", value: value("position") })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ value: sql`max(marks.value, excluded.value)` })),
);

const noteMoment = prepare<{ atMs: number; position: number }>((value) =>
  build
    .insertInto("moments")
    .values({ at_ms: value("atMs"), position: value("position") })
    .onConflict((conflict) => conflict.column("at_ms").doUpdateSet({ position: sql`max(moments.position, excluded.position)` })),
);
