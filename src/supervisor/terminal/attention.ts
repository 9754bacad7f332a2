/** After a key, somebody is taken to type on for so long. */
const TYPING_MS = 2000;

/** Which session somebody types into right now: the others' floods give way to its echo. */
export class Attention {
  readonly #now: () => number;
  #session: object | null = null;
  #typedAt = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  typed(session: object): void {
    this.#session = session;
    this.#typedAt = this.#now();
  }

  /** Whether somebody types, and not into this one. */
  isElsewhere(session: object): boolean {
    return this.#session !== null && this.#session !== session && this.#now() - this.#typedAt < TYPING_MS;
  }

  /** Nobody types into it any more. */
  forget(session: object): void {
    if (this.#session === session) this.#session = null;
  }
}
