/** One piece of work, short enough to be done between two inputs. True: there is more of it. */
export type Turn = () => boolean;

/** Lets those who have much to do go by turns, one piece in each round of the event loop, so that a key pressed elsewhere waits for one piece at most. */
export class Turns {
  readonly #waiting = new Set<Turn>();
  #isRunning = false;

  /** One that waits already is not put in twice. */
  add(turn: Turn): void {
    this.#waiting.add(turn);
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(this.#next);
  }

  readonly #next = (): void => {
    const [turn] = this.#waiting;
    if (turn === undefined) {
      this.#isRunning = false;
      return;
    }
    this.#waiting.delete(turn);
    setImmediate(this.#next);
    if (turn()) this.#waiting.add(turn);
  };
}
