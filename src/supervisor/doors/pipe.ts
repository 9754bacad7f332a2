import type { WebSocket } from "ws";
import type { Outlet } from "./desk.ts";

/** Bounds of one connection. */
export interface PipeLimits {
  /** Bytes that may wait to be sent before streams pause. */
  readonly roomBytes: number;
  /** Beyond so many nothing is read from the peer any more until it has read. */
  readonly fullBytes: number;
  /** A ping so often; a peer from which nothing came, and which took nothing, for `deadMs` is gone. */
  readonly pingMs: number;
  readonly deadMs: number;
}

export const pipeLimits: PipeLimits = { roomBytes: 1_048_576, fullBytes: 4_194_304, pingMs: 10_000, deadMs: 30_000 };

/** How long a peer may take to close after it was told to. */
const CLOSE_MS = 2_000;

/** A WebSocket with bounds: it knows when there is room, stops reading from who does not read, and notices who vanished. */
export class Pipe implements Outlet {
  readonly #socket: WebSocket;
  readonly #limits: PipeLimits;
  readonly #pings: NodeJS.Timeout;
  #waiting: (() => void)[] = [];
  #onDead: () => void = () => this.#socket.terminate();
  #aliveAtMs = performance.now();
  #ended = false;

  constructor(socket: WebSocket, limits: PipeLimits = pipeLimits) {
    this.#socket = socket;
    this.#limits = limits;
    // Whatever is wrong with the connection ends in `close`.
    socket.on("error", () => {});
    socket.on("pong", () => this.#alive());
    socket.on("ping", () => this.#alive());
    this.#pings = setInterval(() => this.#look(), limits.pingMs);
    socket.on("close", () => {
      clearInterval(this.#pings);
      this.#wake();
    });
  }

  onText(listener: (text: string) => void): void {
    this.#socket.on("message", (data: Buffer, binary) => {
      this.#alive();
      if (!binary && !this.#ended) listener(data.toString("utf8"));
    });
  }

  /** Called for what is no text message. */
  onRefused(listener: (why: string) => void): void {
    this.#socket.on("message", (_data, binary) => {
      if (binary) listener("a binary message came, and all are text");
    });
    this.#socket.on("error", (error) => listener(error.message));
  }

  onClose(listener: () => void): void {
    this.#socket.on("close", listener);
  }

  send(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN || this.#ended) return;
    this.#socket.send(text, (error) => {
      // What was written out shows that the peer reads, however slowly.
      if (!error) this.#alive();
      this.#wake();
    });
    this.#read();
  }

  async room(): Promise<void> {
    while (this.#socket.readyState === this.#socket.OPEN && this.#socket.bufferedAmount > this.#limits.roomBytes) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Called, in place of hanging up, when the peer is dead; it should end this. */
  onDead(listener: () => void): void {
    this.#onDead = listener;
  }

  /** Closes when what waits is sent; a peer that does not take it is cut off. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#read();
    this.#socket.close(1000);
    const cut = setTimeout(() => this.#socket.terminate(), CLOSE_MS);
    this.#socket.on("close", () => clearTimeout(cut));
  }

  #alive(): void {
    this.#aliveAtMs = performance.now();
  }

  #look(): void {
    if (performance.now() - this.#aliveAtMs > this.#limits.deadMs) this.#onDead();
    else if (this.#socket.readyState === this.#socket.OPEN && this.#socket.bufferedAmount === 0) this.#socket.ping();
  }

  #wake(): void {
    this.#read();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Who does not read is not read from: its calls would only make more answers. */
  #read(): void {
    const reads = this.#ended || this.#socket.bufferedAmount <= this.#limits.fullBytes;
    if (reads && this.#socket.isPaused) this.#socket.resume();
    else if (!reads && !this.#socket.isPaused) this.#socket.pause();
  }
}
