import type { LastingThread } from "./lasting-thread.ts";
import type { Answer } from "./requests.ts";
import type { Question } from "./thread-link.ts";

/** So long does a thread that nobody needs stay: each takes some 20 MB. */
const REST_MS = 30_000;
/** Where one more could not be started, it is not tried at each question. */
const AGAIN_MS = 10_000;

interface Waiting {
  readonly question: Question;
  resolve(answers: Promise<readonly Answer[]>): void;
}

export interface ReadersOptions {
  start(): Promise<LastingThread>;
  readonly most: number;
  readonly restMs?: number | undefined;
}

/**
 * Threads that read: one at all times, and more while that is busy. Each gets a question when it has answered the one before, so that nobody waits
 * behind a slow search while another thread is free.
 */
export class Readers {
  readonly #start: () => Promise<LastingThread>;
  readonly #most: number;
  readonly #restMs: number;
  readonly #threads: LastingThread[];
  readonly #timers = new Map<LastingThread, NodeJS.Timeout>();
  #waiting: Waiting[] = [];
  #growing: Promise<void> | null = null;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  private constructor(first: LastingThread, { start, most, restMs = REST_MS }: ReadersOptions) {
    this.#threads = [first];
    this.#start = start;
    this.#most = most;
    this.#restMs = restMs;
  }

  static async open(options: ReadersOptions): Promise<Readers> {
    return new Readers(await options.start(), options);
  }

  ask(question: Question): Promise<readonly Answer[]> {
    const { promise, resolve } = Promise.withResolvers<readonly Answer[]>();
    this.#waiting.push({ question, resolve });
    this.#hand();
    return promise;
  }

  /** What was asked before is answered. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#growing;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    const [first] = this.#threads;
    for (const { question, resolve } of this.#waiting.splice(0)) if (first) resolve(first.ask(question));
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #hand(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#threads.find(({ waiting }) => waiting === 0);
      if (thread === undefined) return this.#grow();
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#timers.get(thread)?.refresh();
      const answers = thread.ask(next.question);
      next.resolve(answers);
      const goOn = (): void => this.#hand();
      answers.then(goOn, goOn);
    }
  }

  #grow(): void {
    const may = this.#threads.length < this.#most && !this.#isClosed && performance.now() >= this.#notBeforeMs;
    if (!may) return;
    this.#growing ??= this.#startOne().finally(() => {
      this.#growing = null;
      this.#hand();
    });
  }

  async #startOne(): Promise<void> {
    try {
      const thread = await this.#start();
      this.#threads.push(thread);
      this.#timers.set(thread, setTimeout(() => this.#rest(thread), this.#restMs).unref());
    } catch {
      // Whoever asks is answered by those that are there.
      this.#notBeforeMs = performance.now() + AGAIN_MS;
    }
  }

  #rest(thread: LastingThread): void {
    if (this.#isClosed) return;
    if (thread.waiting > 0) return void this.#timers.get(thread)?.refresh();
    this.#timers.delete(thread);
    this.#threads.splice(this.#threads.indexOf(thread), 1);
    // What it had open is closed with it; that fails nobody.
    thread.close().catch(() => undefined);
  }
}
