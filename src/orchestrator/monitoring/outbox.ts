import type { TerminalSocket } from "../ports.ts";

/** Bytes that may wait to be sent before subscriptions pause, and calls are not read any more. */
const FULL_BYTES = 1_048_576;

/** What goes to one client: everything that sends knows when it has to wait. */
export class Outbox {
  readonly #socket: TerminalSocket;
  #waiting: (() => void)[] = [];
  #held = false;
  #isClosed = false;

  constructor(socket: TerminalSocket) {
    this.#socket = socket;
  }

  get isFull(): boolean {
    return !this.#isClosed && this.#socket.bufferedBytes > FULL_BYTES;
  }

  send(text: string): void {
    if (!this.#isClosed) this.#socket.send(text);
  }

  /** Resolves when there is room, or nobody is there any more. */
  async room(): Promise<void> {
    while (this.isFull) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The client's messages wait: whoever only follows, however slowly, is still heard. */
  hold(): void {
    if (this.#held || this.#isClosed) return;
    this.#held = true;
    this.#socket.pause();
  }

  /** They come again, where there is room for the answers. */
  release(): void {
    if (!this.#held || this.#isClosed || this.isFull) return;
    this.#held = false;
    this.#socket.resume();
  }

  drained(): void {
    this.#wake();
    this.release();
  }

  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
