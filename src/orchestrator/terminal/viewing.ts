import { messageOf, quote } from "../../model/errors.ts";
import type { TerminalSession } from "../../model/kept.ts";
import { decodeTerminalOutput, type TerminalOutputFrame } from "../../model/terminal-frames.ts";
import type { Store } from "../../store/store.ts";
import type { Logger, Recordings, TerminalMessage, TerminalSocket } from "../ports.ts";
import { Asciicast } from "./asciicast.ts";
import { type Pipe, pipe, type Piped } from "./pipe.ts";
import type { ReadyTerminal } from "./terminals.ts";

export interface ViewingParts {
  readonly socket: TerminalSocket;
  readonly session: TerminalSession;
  readonly recording: Awaited<ReturnType<Recordings["create"]>> | null;
  readonly isFramed: boolean;
  readonly store: Pick<Store, "putTerminal" | "append">;
  readonly logger: Logger;
  readonly now: () => number;
}

const NOBODY: Piped = { bytesIn: 0, bytesOut: 0, by: "viewer", code: 1006, reason: "the viewer went before it was let in" };
const ATTACHED = 1;
const EXIT = 5;

/** One viewer's connection to a terminal of a worker, from the row that tells of it to the one that tells how it ended. */
export class Viewing implements ReadyTerminal {
  /** Resolves when all is kept of it. */
  readonly ended: Promise<void>;
  readonly #parts: ViewingParts;
  readonly #cast: Asciicast | null;
  readonly #piped = Promise.withResolvers<Piped>();
  #row: TerminalSession;
  #pipe: Pipe | null = null;
  #isAttached = false;
  #exit: string | null = null;
  /** Rows in their order. */
  #keeping: Promise<void> = Promise.resolve();

  constructor(parts: ViewingParts) {
    this.#parts = parts;
    this.#row = parts.session;
    const { recording, session, isFramed } = parts;
    const facts = {
      columns: 80,
      rows: 24,
      startedAtMs: session.openedAtMs,
      title: `${session.worker}, opened by ${session.who}`,
    };
    this.#cast =
      recording &&
      new Asciicast(
        (text) => recording.write(text),
        facts,
        isFramed,
        () => performance.now(),
      );
    this.ended = this.#piped.promise.then((piped) => this.#finish(piped));
  }

  /** Rejects where it cannot be kept that it is open. */
  async begin(): Promise<void> {
    await this.#put(null);
    await this.#tell("opened");
  }

  serve(viewer: TerminalSocket, signal: AbortSignal): void {
    this.#pipe = pipe(viewer, this.#parts.socket, (message) => this.#see(message));
    const hangUp = (): void => this.end(1008, "the right to be here has ended");
    signal.addEventListener("abort", hangUp, { once: true });
    void this.#pipe.ended.then((piped) => {
      signal.removeEventListener("abort", hangUp);
      this.#piped.resolve(piped);
    });
    if (signal.aborted) hangUp();
  }

  abandon(): void {
    if (this.#pipe) return;
    this.#parts.socket.close(1001, "");
    this.#piped.resolve(NOBODY);
  }

  end(code: number, reason: string): void {
    if (this.#pipe) this.#pipe.end(code, reason);
    else this.abandon();
  }

  #see(message: TerminalMessage): void {
    this.#cast?.take(message);
    if (typeof message === "string" || !this.#parts.isFramed) return;
    if (message[0] !== ATTACHED && message[0] !== EXIT) return;
    const frame = readFrame(message);
    if (frame?.kind === "attached") {
      // Once, whatever a worker repeats.
      if (this.#isAttached) return;
      this.#isAttached = true;
      this.#row = { ...this.#row, session: frame.attached.session, readonly: frame.attached.readonly };
      this.#keep(this.#put(null));
    } else if (frame?.kind === "exit") {
      const { exitCode, signal, why } = frame.exit;
      this.#exit = why === "exit" ? `the program ended with ${signal ?? exitCode ?? "nothing"}` : `the session ended: ${why}`;
    }
  }

  async #finish({ bytesIn, bytesOut, by, code, reason }: Piped): Promise<void> {
    const went = { viewer: "the viewer hung up", worker: "the worker hung up", house: reason }[by];
    this.#row = {
      ...this.#row,
      endedAtMs: this.#parts.now(),
      why: this.#exit ?? (by === "house" || reason === "" ? went : `${went} (${code}: ${quote(reason)})`),
      bytesIn,
      bytesOut,
    };
    await this.#keeping;
    const name = await this.#parts.recording?.end().catch((error: unknown) => {
      this.#parts.logger.warn({ id: this.#row.id, reason: messageOf(error) }, "a terminal's recording is not whole");
      return null;
    });
    this.#keep(this.#put(name ?? null));
    this.#keep(this.#tell("ended"));
    await this.#keeping;
  }

  async #put(recording: string | null): Promise<void> {
    await this.#parts.store.putTerminal({ ...this.#row, recording });
  }

  async #tell(what: "opened" | "ended"): Promise<void> {
    const { id, worker, container, instance, who } = this.#row;
    const event = { type: "viewer", what, session: id, who } as const;
    await this.#parts.store.append([{ atMs: this.#parts.now(), worker, container, instance, group: null, run: null, event }]);
  }

  /** A terminal that is open stays so when the store cannot be written any more: it may be what mends it. */
  #keep(put: Promise<void>): void {
    const kept = put.catch((error: unknown) =>
      this.#parts.logger.error({ id: this.#row.id, reason: messageOf(error) }, "what became of a terminal could not be kept"),
    );
    this.#keeping = this.#keeping.then(() => kept);
  }
}

/** A worker may send anything; what cannot be read is the viewer's to judge. */
function readFrame(bytes: Uint8Array): TerminalOutputFrame | null {
  try {
    return decodeTerminalOutput(bytes);
  } catch {
    return null;
  }
}
