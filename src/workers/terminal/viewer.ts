import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, errorCodes, NovaError } from "../../model/errors.ts";
import type { TerminalAttached, TerminalExit, TerminalOutputFrame } from "../../model/terminal-frames.ts";
import type { TerminalRequest } from "../link/terminal.ts";
import type { TerminalConnection, TerminalDial } from "./dial.ts";

export interface ViewerOptions {
  readonly dial: TerminalDial;
  readonly request: TerminalRequest;
  /** Takes output in; the worker sends on when it has resolved. A `snapshot` is for a terminal that was reset. */
  readonly write: (bytes: Uint8Array, what: "output" | "snapshot") => Promise<void>;
  readonly size: () => { readonly columns: number; readonly rows: number };
  readonly onAttached?: (attached: TerminalAttached) => void;
  /** The connection broke, and is being made again; or it is there again. */
  readonly onBreak?: (error: NovaError | null) => void;
  /** The worker did not do something that it was asked for. */
  readonly onComplaint?: (message: string) => void;
  /** How long a connection that broke is tried to be made again. */
  readonly patienceMs?: number;
}

/** Output that this side's terminal has not taken. A worker keeps to its window; beyond this it is none of ours. */
const UNWRITTEN_BYTES = 100_663_296;
/** What a frame takes by itself. */
const FRAME_COST = 256;
/** What was typed while there was no connection. */
const WAITING_BYTES = 65_536;
const PATIENCE_MS = 600_000;
const FIRST_DELAY_MS = 100;
const MOST_DELAY_MS = 3000;

/**
 * Looks at a terminal of a worker, and comes back to it as often as the connection breaks: nothing is shown twice and nothing left out, or the
 * whole screen is drawn anew.
 */
export class TerminalViewer {
  /** How the session ended; null when this viewer left it. Rejects when it is not to be had. */
  readonly done: Promise<TerminalExit | null>;
  readonly #options: ViewerOptions;
  readonly #left = new AbortController();
  #connection: TerminalConnection | null = null;
  #attached: TerminalAttached | null = null;
  /** The next byte that is wanted. */
  #offset = 0;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #unwritten = 0;
  /** Output on its way to whoever reads it, in its order. */
  #writing: Promise<void> = Promise.resolve();
  #exit: TerminalExit | null = null;
  #fatal: NovaError | null = null;

  constructor(options: ViewerOptions) {
    this.#options = options;
    this.done = this.#run();
    this.done.catch(() => undefined);
  }

  /** To come back with. */
  get session(): string | null {
    return this.#attached?.session ?? null;
  }

  type(bytes: Uint8Array): void {
    if (this.#attached?.readonly || bytes.length === 0) return;
    if (this.#connection && this.#attached) return this.#connection.send({ kind: "input", bytes });
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes <= WAITING_BYTES) this.#waiting.push(bytes);
  }

  resized(): void {
    this.#connection?.send({ kind: "resize", ...this.#options.size() });
  }

  /** Leaves; the session stays for as long as the worker keeps it. */
  leave(): void {
    this.#left.abort();
    this.#connection?.cut();
  }

  async #run(): Promise<TerminalExit | null> {
    const { signal } = this.#left;
    let brokeAt: number | null = null;
    let delayMs = FIRST_DELAY_MS;
    for (;;) {
      const error = await this.#connect(() => {
        if (brokeAt !== null) this.#options.onBreak?.(null);
        brokeAt = null;
        delayMs = FIRST_DELAY_MS;
      });
      await this.#writing;
      if (this.#exit) return this.#exit;
      if (signal.aborted) return null;
      if (this.#fatal) throw this.#fatal;
      // Who never got in, or is not let in any more, has no session to come back to.
      if (!this.#attached || error.code !== "LINK_LOST") throw error;
      if (brokeAt === null) this.#options.onBreak?.(error);
      brokeAt ??= performance.now();
      if (performance.now() - brokeAt > (this.#options.patienceMs ?? PATIENCE_MS)) throw error;
      await sleep(delayMs * (1 - Math.random() / 2), undefined, { signal }).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, MOST_DELAY_MS);
      if (signal.aborted) return null;
    }
  }

  /** Resolves with the reason when the connection is over, or did not come about. */
  async #connect(attached: () => void): Promise<NovaError> {
    const { dial, size, request } = this.#options;
    const again = this.#attached ? { session: this.#attached.session, offset: this.#offset } : {};
    const { promise: ended, resolve: end } = Promise.withResolvers<NovaError>();
    try {
      const connection = await dial(
        { ...request, ...size(), ...again },
        {
          frame: (frame) => {
            this.#take(frame);
            if (frame.kind === "attached") attached();
          },
          ended: end,
        },
        this.#left.signal,
      );
      this.#connection = connection;
      if (this.#left.signal.aborted) connection.cut();
      else if (this.#attached) this.#flush();
      const error = await ended;
      this.#connection = null;
      return error;
    } catch (error) {
      this.#connection = null;
      return error instanceof NovaError ? error : new NovaError("LINK_LOST", String(error), { cause: error });
    }
  }

  #take(frame: TerminalOutputFrame): void {
    switch (frame.kind) {
      case "attached":
        this.#attached = frame.attached;
        if (frame.attached.how === "new") this.#offset = frame.attached.offset;
        this.#options.onAttached?.(frame.attached);
        this.#flush();
        return;
      case "snapshot":
        this.#offset = frame.offset;
        this.#write(frame.bytes, "snapshot", frame.offset);
        return;
      case "output": {
        const end = frame.offset + frame.bytes.length;
        if (frame.offset > this.#offset)
          throw new NovaError("TERMINAL_FAILED", `The terminal's output has a gap of ${frame.offset - this.#offset} bytes.`);
        const fresh = frame.bytes.subarray(this.#offset - frame.offset);
        this.#offset = Math.max(this.#offset, end);
        this.#write(fresh, "output", end);
        return;
      }
      case "size":
        return;
      case "exit":
        this.#exit = frame.exit;
        return;
      case "error":
        if (frame.code === "TERMINAL_NOT_FOUND" || !this.#attached) this.#fatal = refusal(frame);
        else this.#options.onComplaint?.(frame.message);
        return;
    }
  }

  #write(bytes: Uint8Array, what: "output" | "snapshot", end: number): void {
    // The frame's memory is good for as long as the frame is dealt with.
    const own = Uint8Array.from(bytes);
    const cost = own.length + FRAME_COST;
    this.#unwritten += cost;
    if (this.#unwritten > UNWRITTEN_BYTES)
      throw new NovaError("TERMINAL_FAILED", "The worker sends on, although what it sent has not been taken.");
    this.#writing = this.#writing.then(async () => {
      if (own.length > 0) await this.#options.write(own, what);
      this.#unwritten -= cost;
      this.#connection?.send({ kind: "ack", offset: end });
    });
    this.#writing.catch(() => this.leave());
  }

  #flush(): void {
    const connection = this.#connection;
    if (!connection || !this.#attached) return;
    for (const bytes of this.#waiting) connection.send({ kind: "input", bytes });
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

/** The worker's own error, where its code is one that is known here. */
function refusal({ code, message, next }: Extract<TerminalOutputFrame, { kind: "error" }>): NovaError {
  const known = Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : "TERMINAL_FAILED";
  return new NovaError(known, message, next === undefined ? {} : { next });
}
