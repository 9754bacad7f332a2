import { readSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { ReadStream } from "node:tty";
import { hasCode, NovaError } from "../../model/errors.ts";
import { PtyInput } from "./pty-input.ts";

export interface PtySpec {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly columns: number;
  readonly rows: number;
}

export interface PtyEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

export interface PtyEvents {
  /** `bytes` are good until it returns. */
  readonly onData: (bytes: Uint8Array) => void;
  /** The program on it ended; output may still follow. */
  readonly onExit: (end: PtyEnd) => void;
  /** After the last byte, and after the exit. */
  readonly onEnd: () => void;
}

/** What node-pty's native part has. Its JavaScript is not used: that gives up the end of an output that is not read within 200 ms of the exit. */
interface Native {
  fork(
    file: string,
    args: readonly string[],
    env: readonly string[],
    directory: string,
    columns: number,
    rows: number,
    uid: number,
    gid: number,
    utf8: boolean,
    helper: string,
    onExit: (exitCode: number, signal: number) => void,
  ): { readonly fd: number; readonly pid: number };
  resize(fd: number, columns: number, rows: number): void;
}

let native: Native | undefined;

/** One read of the kernel's gives a page at most. */
const READ_SIZE = 65_536;

/** A program on a pseudoterminal of its own, as leader of a session. Throws TERMINAL_FAILED. */
export class Pty {
  readonly pid: number;
  readonly #fd: number;
  readonly #stream: ReadStream;
  readonly #input: PtyInput;
  readonly #events: PtyEvents;
  #isPaused = false;
  #isClosed = false;
  #hasExited = false;
  #hasEnded = false;

  constructor(spec: PtySpec, events: PtyEvents) {
    if (!statSync(spec.directory, { throwIfNoEntry: false })?.isDirectory()) {
      throw new NovaError("TERMINAL_FAILED", `there is no directory ${spec.directory} to open a terminal in`);
    }
    this.#events = events;
    const env = Object.entries({ ...spec.env, PWD: spec.directory }).map(([name, value]) => `${name}=${value}`);
    try {
      native ??= (
        createRequire(import.meta.url)("@lydell/node-pty/requireBinary.js") as { requireBinary(file: string): Native }
      ).requireBinary("pty.node");
      const { file, args, directory, columns, rows } = spec;
      const onExit = this.#onExit.bind(this);
      const made = native.fork(file, args, env, directory, columns, rows, -1, -1, true, "", onExit);
      this.pid = made.pid;
      this.#fd = made.fd;
    } catch (cause) {
      throw new NovaError("TERMINAL_FAILED", `no pseudoterminal could be opened: ${String(cause)}`, { cause });
    }
    this.#input = new PtyInput(this.#fd, () => !this.#stream.destroyed);
    const buffer = Buffer.allocUnsafeSlow(READ_SIZE);
    const onread = {
      buffer,
      callback: (length: number): boolean => {
        events.onData(buffer.subarray(0, length));
        if (this.#input.pending > 0) this.#input.go();
        return true;
      },
    };
    this.#stream = new ReadStream(this.#fd, { onread });
    // EIO says that nobody has the other side open any more.
    this.#stream.on("error", () => undefined);
    this.#stream.on("end", () => this.#drain());
    this.#stream.on("close", () => {
      this.#isClosed = true;
      this.#input.close();
      this.#end();
    });
    this.#stream.resume();
  }

  /** Bytes that the program has not taken yet. */
  get pendingInput(): number {
    return this.#input.pending;
  }

  write(bytes: Uint8Array): void {
    if (!this.#stream.destroyed) this.#input.write(bytes);
  }

  /**
   * What there is to be read at this moment, up to the size of `into`: its length, 0 if there is nothing. Only for the end: where there is nothing the
   * kernel first waits for its own work on what was written, which may take milliseconds.
   */
  #readNow(into: Uint8Array): number {
    // A descriptor that was closed may be another file's by now.
    if (this.#stream.destroyed) return 0;
    try {
      return readSync(this.#fd, into);
    } catch (error) {
      // EIO comes again to the stream's own reading.
      if (hasCode(error, "EAGAIN", "EIO")) return 0;
      throw error;
    }
  }

  resize(columns: number, rows: number): void {
    if (!this.#stream.destroyed) native?.resize(this.#fd, columns, rows);
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#stream.destroyed) return;
    this.#stream.resume();
    if (this.#hasExited) this.#finish();
  }

  #onExit(exitCode: number, signal: number): void {
    this.#hasExited = true;
    const [name] = Object.entries(constants.signals).find(([, number]) => number === signal) ?? [null];
    this.#events.onExit({ exitCode: signal === 0 ? exitCode : null, signal: name });
    this.#finish();
  }

  /** Whoever else has the other side open was cut off when the leader of the session ended: what can be read now is all there will be. */
  #finish(): void {
    if (this.#isClosed) this.#end();
    else
      setImmediate(() => {
        if (this.#isPaused || this.#stream.destroyed) return;
        this.#drain();
        if (!this.#isPaused) this.#stream.destroy();
      });
  }

  #drain(): void {
    const into = Buffer.allocUnsafe(READ_SIZE);
    for (let length = -1; length !== 0 && !this.#isPaused;) {
      length = this.#readNow(into);
      if (length > 0) this.#events.onData(into.subarray(0, length));
    }
  }

  #end(): void {
    if (!this.#hasExited || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#events.onEnd();
  }
}
