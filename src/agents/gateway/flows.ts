import type { Duplex } from "node:stream";

/**
 * The connections that one container's traffic holds, on both sides of the gateway. They are counted, so that a container
 * cannot take the host's descriptors, and cut together when its run is over.
 */
export class Flows {
  readonly #most: number;
  readonly #streams = new Set<Duplex>();

  constructor(most: number) {
    this.#most = most;
  }

  get isFull(): boolean {
    return this.#streams.size >= this.#most;
  }

  /** Holds a connection until it is closed. Its errors are nobody's: whoever uses it sees its end. */
  add(stream: Duplex): void {
    if (stream.destroyed || this.#streams.has(stream)) return;
    this.#streams.add(stream);
    stream.on("error", () => undefined);
    stream.once("close", () => this.#streams.delete(stream));
  }

  /** Ends them all at once, whatever they still carry. */
  cut(): void {
    for (const stream of this.#streams) stream.destroy();
  }
}
