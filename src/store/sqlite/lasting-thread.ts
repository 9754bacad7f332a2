import { messageOf, NovaError } from "../../model/errors.ts";
import type { Answer, ThreadData } from "./requests.ts";
import { type MakeThread, type Question, startThread, type ThreadLink } from "./thread-link.ts";

/** A thread that went on for so long did not end by what it is. */
const STEADY_MS = 60_000;
const FIRST_PAUSE_MS = 250;
const MOST_PAUSE_MS = 30_000;

export interface LastingThreadOptions {
  readonly make?: MakeThread | undefined;
  /** Milliseconds of a clock that only goes on. */
  readonly now?: (() => number) | undefined;
}

/**
 * A thread of the database that is started anew when it ended by itself. What it was asked then and had not answered rejects with STORE_FAILED; the
 * next question has a new thread. Where one ends again and again, questions are refused for a pause that grows, and none is started meanwhile.
 */
export class LastingThread {
  readonly #data: ThreadData;
  readonly #make: MakeThread | undefined;
  readonly #now: () => number;
  #link: ThreadLink | null = null;
  #starting: Promise<ThreadLink> | null = null;
  #startedAtMs = 0;
  /** Ends in a row, each soon after its start. */
  #ends = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  /** Of the last end. */
  #why: unknown = null;
  #isClosed = false;
  #waiting = 0;

  private constructor(data: ThreadData, { make, now = () => performance.now() }: LastingThreadOptions) {
    this.#data = data;
    this.#make = make;
    this.#now = now;
  }

  /** Rejects where the first thread cannot open the database. */
  static async start(data: ThreadData, options: LastingThreadOptions = {}): Promise<LastingThread> {
    const lasting = new LastingThread(data, options);
    await lasting.#startOne();
    return lasting;
  }

  /** Questions that are not answered. */
  get waiting(): number {
    return this.#waiting;
  }

  async ask(question: Question): Promise<readonly Answer[]> {
    this.#waiting += 1;
    try {
      const link = this.#link?.end === null ? this.#link : await this.#anew();
      return await link.ask(question);
    } finally {
      this.#waiting -= 1;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#starting?.catch(() => undefined);
    await this.#link?.close();
  }

  #anew(): Promise<ThreadLink> {
    return (this.#starting ??= this.#startAgain().finally(() => (this.#starting = null)));
  }

  async #startAgain(): Promise<ThreadLink> {
    const { file: place } = this.#data;
    // Until it is gone it may hold what the next one needs.
    await this.#link?.gone;
    if (this.#isClosed) throw new NovaError("STORE_FAILED", "the database is closed", { place });
    const pauseMs = Math.ceil(this.#notBeforeMs - this.#now());
    if (pauseMs > 0) {
      const why = `a thread of the database ended ${this.#ends} times in a row, the last time since: ${messageOf(this.#why)}`;
      throw new NovaError("STORE_FAILED", why, { place, next: `It is started anew in ${pauseMs} ms, when something is asked.` });
    }
    return await this.#startOne();
  }

  async #startOne(): Promise<ThreadLink> {
    this.#startedAtMs = this.#now();
    let link;
    try {
      link = await startThread(this.#data, this.#make);
    } catch (thrown) {
      this.#ended(thrown);
      throw thrown;
    }
    this.#link = link;
    void link.gone.then(() => this.#ended(link.end));
    return link;
  }

  #ended(why: unknown): void {
    if (this.#isClosed) return;
    this.#why = why;
    const atMs = this.#now();
    if (atMs - this.#startedAtMs >= STEADY_MS) this.#ends = 0;
    this.#ends += 1;
    // The first one is replaced at once.
    const pauseMs = this.#ends === 1 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (this.#ends - 2), MOST_PAUSE_MS);
    this.#notBeforeMs = atMs + pauseMs;
  }
}
