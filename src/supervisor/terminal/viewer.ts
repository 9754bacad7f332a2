import type { WebSocket } from "ws";
import { NovaError } from "../../model/errors.ts";
import {
  decodeTerminalInput,
  encodeTerminalOutput,
  TERMINAL_WINDOW,
  type TerminalAttached,
  type TerminalExit,
  type TerminalInputFrame,
} from "../../model/terminal-frames.ts";
import type { Size } from "./screen.ts";

/** A peer that says nothing for so long, not even to a ping, is gone. */
const SILENCE_MS = 45_000;
/** A viewer that takes nothing of what is not output, and asks on, has so much waiting at most. */
const MOST_WAITING = 1_048_576;
/** Makes a terminal what it is after its start. */
const RESET = "\x1bc";

export interface ViewerEvents {
  readonly onFrame: (frame: TerminalInputFrame) => void;
  /** There may be room for more output. */
  readonly onRoom: () => void;
  /** `isClean`: everything that was sent has arrived. */
  readonly onGone: (isClean: boolean) => void;
}

/** One connection that looks at a session, with frames or, plainly, with nothing but the bytes. */
export class Viewer {
  readonly isFramed: boolean;
  readonly isReadonly: boolean;
  /** Output up to here was sent. */
  sent = 0;
  /** The last change of size that it was told. */
  toldChange = 0;
  /** A snapshot as of this offset is to be sent before anything else. */
  redrawAt: number | null = null;
  /** The earliest time of another snapshot, on the clock of `performance`. */
  redrawAfter = 0;
  redrawTimer: NodeJS.Timeout | null = null;
  hasEnd = false;
  readonly #socket: WebSocket;
  #taken = 0;
  /** What was sent last was a snapshot that has not been taken in yet. */
  #isDrawing = false;
  /** The length of the last snapshot, of which all may be on its way. */
  #drawn = 0;
  readonly #onRoom: () => void;

  constructor(socket: WebSocket, isFramed: boolean, isReadonly: boolean, events: ViewerEvents) {
    this.#socket = socket;
    this.isFramed = isFramed;
    this.isReadonly = isReadonly;
    let isHeard = true;
    const watch = setInterval(() => {
      if (!isHeard) socket.terminate();
      isHeard = false;
      if (socket.readyState === socket.OPEN) socket.ping();
    }, SILENCE_MS);
    watch.unref();
    socket.on("pong", () => (isHeard = true));
    socket.on("message", (data, isBinary) => {
      isHeard = true;
      const bytes = Array.isArray(data) ? Buffer.concat(data) : new Uint8Array(data as Buffer);
      if (this.hasEnd) return;
      if (!this.isFramed) return events.onFrame({ kind: "input", bytes });
      try {
        if (!isBinary) throw new NovaError("TERMINAL_FAILED", "a terminal frame cannot be read: it is a text");
        const frame = decodeTerminalInput(bytes);
        if (frame.kind === "ack") this.#take(frame.offset);
        events.onFrame(frame);
      } catch (error) {
        this.fail(error);
      }
    });
    socket.on("error", () => socket.terminate());
    socket.on("close", (code) => {
      clearInterval(watch);
      if (this.redrawTimer !== null) clearTimeout(this.redrawTimer);
      events.onGone(this.hasEnd && code === 1000);
    });
    this.#onRoom = events.onRoom;
  }

  /** How many bytes may be sent to it now. */
  get room(): number {
    return this.#isDrawing || this.hasEnd ? 0 : TERMINAL_WINDOW - (this.sent - this.#taken);
  }

  /** Nothing is on its way to it. */
  get isQuiet(): boolean {
    return this.sent === this.#taken;
  }

  /** The first frame: what it sees begins at this offset. */
  attach(attached: TerminalAttached): void {
    this.sent = attached.offset;
    this.#taken = attached.offset;
    if (this.isFramed) this.#send(encodeTerminalOutput({ kind: "attached", attached }));
  }

  output(bytes: Uint8Array): void {
    const offset = this.sent;
    this.sent += bytes.length;
    if (this.isFramed) this.#send(encodeTerminalOutput({ kind: "output", offset, bytes }));
    // The bytes are the ring's, and may be others by the time that the kernel takes them.
    else this.#sendPlainly(Uint8Array.from(bytes), this.sent);
  }

  snapshot(offset: number, { columns, rows, bytes }: Size & { readonly bytes: Uint8Array }): void {
    this.sent = offset;
    this.#isDrawing = true;
    this.#drawn = bytes.length;
    if (this.isFramed) this.#send(encodeTerminalOutput({ kind: "snapshot", offset, columns, rows, bytes }));
    else this.#sendPlainly(Buffer.concat([Buffer.from(RESET), bytes]), offset);
  }

  size({ columns, rows }: Size, owner: boolean): void {
    if (this.isFramed) this.#send(encodeTerminalOutput({ kind: "size", columns, rows, owner }));
  }

  /** The last frame; then the connection ends. */
  exit(exit: TerminalExit): void {
    if (this.isFramed) this.#send(encodeTerminalOutput({ kind: "exit", exit }));
    this.hasEnd = true;
    this.#socket.close(1000);
  }

  /** What it asked for was not done. */
  refuse(message: string): void {
    if (this.isFramed) this.#send(encodeTerminalOutput({ kind: "error", code: "TERMINAL_FAILED", message }));
  }

  /** Tells what went wrong, and ends the connection. */
  fail(error: unknown): void {
    if (this.hasEnd) return;
    refuseConnection(this.#socket, this.isFramed, error);
    this.hasEnd = true;
  }

  #take(offset: number): void {
    if (offset > this.sent) {
      throw new NovaError("TERMINAL_FAILED", `${offset} bytes were acknowledged, of ${this.sent} that were sent`);
    }
    if (offset > this.#taken || (this.#isDrawing && offset === this.sent)) {
      this.#taken = Math.max(offset, this.#taken);
      if (offset === this.sent) this.#isDrawing = false;
      this.#onRoom();
    }
  }

  #sendPlainly(bytes: Uint8Array, end: number): void {
    this.#socket.send(bytes, { binary: true }, () => {
      // Handed to the kernel: more than that nobody tells of a plain connection.
      this.#taken = Math.max(this.#taken, Math.min(end, this.sent));
      if (end === this.sent) this.#isDrawing = false;
      this.#onRoom();
    });
  }

  #send(bytes: Uint8Array): void {
    const most = MOST_WAITING + 4 * TERMINAL_WINDOW + (this.#isDrawing ? this.#drawn : 0);
    if (this.#socket.bufferedAmount > most) this.#socket.terminate();
    else this.#socket.send(bytes, { binary: true });
  }
}

/** Tells in band why a connection gets no terminal, since codes of closing are rewritten on the way. */
export function refuseConnection(socket: WebSocket, isFramed: boolean, error: unknown): void {
  const { code, message, next } =
    error instanceof NovaError ? error : new NovaError("TERMINAL_FAILED", `The terminal went wrong: ${String(error)}.`);
  if (isFramed) {
    socket.send(encodeTerminalOutput({ kind: "error", code, message, next }), { binary: true });
  } else socket.send(Buffer.from(`\r\n${message.replace(/\.?$/, ".")} ${next}\r\n`), { binary: true });
  socket.close(1011);
}
