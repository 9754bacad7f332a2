/** A pause of one waiter that something may end early. */
export class Alarm {
  #ring: (() => void) | null = null;

  /** Ends the pause, if there is one. */
  ring(): void {
    this.#ring?.();
  }

  /** Resolves after so long (null: never by itself), or when the alarm rings. */
  pause(ms: number | null): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#ring = null;
        resolve();
      };
      const timer = ms === null ? undefined : setTimeout(done, Math.ceil(ms));
      this.#ring = done;
    });
  }
}
