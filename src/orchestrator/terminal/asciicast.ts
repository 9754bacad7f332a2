import { messageOf } from "../../model/errors.ts";
import { decodeTerminalOutput } from "../../model/terminal-frames.ts";
import type { TerminalMessage } from "../ports.ts";

// The recordings' format is asciicast v2, which every player reads: a line of JSON that tells the size, then one for each event, with seconds since the
// beginning. What is typed is not recorded: it may be a password.

/** Of one recording, in characters; beyond it says that it was cut. */
const MOST = 268_435_456;
const RESET = "\u001bc";

export interface CastFacts {
  readonly columns: number;
  readonly rows: number;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly title: string;
}

/** Turns what a terminal sends into an asciicast. */
export class Asciicast {
  readonly #write: (text: string) => void;
  readonly #facts: CastFacts;
  readonly #isFramed: boolean;
  /** Milliseconds, never going back. */
  readonly #now: () => number;
  readonly #beginMs: number;
  /** A character may come in two messages. */
  #decoder = new TextDecoder();
  #written = 0;
  #hasHead = false;

  constructor(write: (text: string) => void, facts: CastFacts, isFramed: boolean, now: () => number) {
    this.#write = write;
    this.#facts = facts;
    this.#isFramed = isFramed;
    this.#now = now;
    this.#beginMs = now();
  }

  take(message: TerminalMessage): void {
    if (typeof message === "string") return this.#output(message);
    if (!this.#isFramed) return this.#output(this.#decoder.decode(message, { stream: true }));
    try {
      const frame = decodeTerminalOutput(message);
      if (frame.kind === "attached") this.#head(frame.attached);
      else if (frame.kind === "output") this.#output(this.#decoder.decode(frame.bytes, { stream: true }));
      else if (frame.kind === "size") this.#event("r", `${frame.columns}x${frame.rows}`);
      else if (frame.kind === "snapshot") {
        this.#event("r", `${frame.columns}x${frame.rows}`);
        this.#decoder = new TextDecoder();
        this.#output(RESET + this.#decoder.decode(frame.bytes));
      }
    } catch (error) {
      this.#event("m", `a frame that cannot be read: ${messageOf(error)}`);
    }
  }

  #output(text: string): void {
    if (text !== "") this.#event("o", text);
  }

  #event(code: "o" | "r" | "m", text: string): void {
    if (this.#written > MOST) return;
    this.#head(this.#facts);
    const seconds = ((this.#now() - this.#beginMs) / 1000).toFixed(6);
    this.#line(`[${seconds}, "${code}", ${JSON.stringify(text)}]`);
    if (this.#written > MOST) this.#line(`[${seconds}, "m", "the recording is as long as it may be"]`);
  }

  #head({ columns, rows }: Pick<CastFacts, "columns" | "rows">): void {
    if (this.#hasHead) return;
    this.#hasHead = true;
    const { startedAtMs, title } = this.#facts;
    this.#line(JSON.stringify({ version: 2, width: columns, height: rows, timestamp: Math.floor(startedAtMs / 1000), title }));
  }

  #line(text: string): void {
    this.#written += text.length;
    this.#write(`${text}\n`);
  }
}
