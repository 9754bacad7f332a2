import { readSync } from "node:fs";
import { Socket } from "node:net";
import { LINE_LIMIT, type LogStream } from "../../model/record.ts";
import type { Gate, Sink } from "./gate.ts";
import { CHUNK_BYTES, LineSplitter, type ReadingMemory } from "./line-splitter.ts";

/** So many are read of one pipe before the others, the disk and everybody who waits for an answer have their turn. */
const CHUNKS_PER_TURN = 4;
/** Of a pipe that somebody goes on writing to, no more than the most that a pipe holds is read after it was abandoned. */
const ABANDONED_BYTES = 1_048_576;

/** Reads one pipe until all who write to it have let go. */
export class StreamCapture {
  readonly ended: Promise<void>;
  /** Nobody writes to the pipe any more. Only after `ended`. */
  isQuiet = true;
  readonly #descriptor: number;
  readonly #memory: ReadingMemory;
  readonly #splitter: LineSplitter;
  readonly #gate: Gate;
  readonly #journal: Sink["journal"];
  readonly #now: () => number;
  readonly #socket: Socket;
  #waitsForJournal = false;
  #chunksInTurn = 0;
  #hasEnded = false;

  /** The descriptor, open for reading and not blocking, is this one's from now on. */
  constructor(
    descriptor: number,
    of: { readonly instance: string; readonly stream: LogStream },
    memory: ReadingMemory,
    gate: Gate,
    journal: Sink["journal"],
    now: () => number,
  ) {
    this.#descriptor = descriptor;
    this.#memory = memory;
    this.#splitter = new LineSplitter(memory, of, (block) => gate.take(block));
    this.#gate = gate;
    this.#journal = journal;
    this.#now = now;
    const chunk = new Uint8Array(memory.bytes.buffer, memory.bytes.byteOffset + LINE_LIMIT, CHUNK_BYTES);
    const socket = new Socket({
      fd: descriptor,
      readable: true,
      writable: false,
      onread: { buffer: chunk, callback: (length) => this.#read(length) },
    });
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    socket.once("end", () => this.#end());
    // A read that fails is the pipe's end, too.
    socket.once("error", () => this.#end());
    socket.once("close", () => {
      this.#end();
      resolve();
    });
    socket.resume();
  }

  /** Reads on after a pause, where nothing else stands in the way. */
  resume(): void {
    if (!this.#hasEnded && this.#mayRead) this.#socket.resume();
  }

  abandon(): void {
    if (this.#hasEnded) return;
    this.isQuiet = this.#drain();
    this.#end();
    this.#socket.destroy();
  }

  get #mayRead(): boolean {
    return !this.#waitsForJournal && !this.#gate.isClosed && this.#chunksInTurn < CHUNKS_PER_TURN;
  }

  #read(length: number): boolean {
    this.#chunksInTurn += 1;
    if (this.#chunksInTurn === 1) setImmediate(() => this.#beginTurn());
    this.#splitter.take(length, this.#now());
    if (this.#journal.full) this.#waitForJournal();
    return this.#mayRead;
  }

  #beginTurn(): void {
    const wasFull = this.#chunksInTurn === CHUNKS_PER_TURN;
    this.#chunksInTurn = 0;
    if (wasFull) this.resume();
  }

  #waitForJournal(): void {
    if (this.#waitsForJournal) return;
    this.#waitsForJournal = true;
    void this.#journal.room().then(() => {
      this.#waitsForJournal = false;
      this.resume();
    });
  }

  /** Reads what the pipe holds, and says whether it came to its end. */
  #drain(): boolean {
    for (let all = 0; all < ABANDONED_BYTES;) {
      try {
        const length = readSync(this.#descriptor, this.#memory.bytes, LINE_LIMIT, CHUNK_BYTES, null);
        if (length === 0) return true;
        this.#splitter.take(length, this.#now());
        all += length;
      } catch {
        // Nothing is in it, and somebody could still write.
        return false;
      }
    }
    return false;
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#splitter.end(this.#now());
  }
}
