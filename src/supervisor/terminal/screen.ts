import type { Terminal } from "@xterm/headless";
import { endOfPlainText, lastLines } from "./plain-text.ts";
import type { Ring } from "./ring.ts";
import { snapshot } from "./snapshot.ts";
import { coreOf, GROUND, OSC_STRING, type XtermCore } from "./xterm-core.ts";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The terminal has this size from this offset on. */
export interface Resize extends Size {
  /** Counts up. */
  readonly change: number;
  readonly offset: number;
}

/** Lines above the screen that a snapshot still has. */
const SCROLLBACK = 1000;
/** Of a piece of work, after which others have their turn. */
const TURN_MS = 1;
const PIECE = 4096;
/** Less is not worth the look for what can be left out. */
const WORTH_LEAVING_OUT = 65_536;
/** That wait for the output before them to be taken in; then one takes the place of the one before. */
const MOST_RESIZES = 100;
/** Of a control sequence that a snapshot stops in the middle of. */
const LONGEST_TAIL = 65_536;

let scratch: Buffer | undefined;

/**
 * What a terminal shows, behind the output by as much as the ring still has: xterm takes in a tenth of what a program puts out, so that it only does
 * when it must, and text that has scrolled out of reach before it came to that is left out.
 */
export class Screen {
  /** Up to here the output has been taken in. */
  parsed = 0;
  readonly #ring: Ring;
  readonly #resizes: Resize[] = [];
  #size: Size;
  #terminal: Terminal | null = null;
  #core: XtermCore | null = null;
  #title = "";
  #lookAgainAt = 0;

  constructor(ring: Ring, size: Size) {
    this.#ring = ring;
    this.#size = size;
  }

  get isLoaded(): boolean {
    return this.#terminal !== null;
  }

  /** Loads xterm; must be done before anything is taken in. */
  async load(): Promise<void> {
    if (this.#terminal !== null) return;
    const { Terminal } = (await import("@xterm/headless")).default;
    this.#terminal ??= new Terminal({
      cols: this.#size.columns,
      rows: this.#size.rows,
      scrollback: SCROLLBACK,
      allowProposedApi: true,
      logLevel: "off",
    });
    this.#terminal.onTitleChange((title) => (this.#title = title));
    this.#core = coreOf(this.#terminal);
  }

  resize(resize: Resize): void {
    if (this.#resizes.length === MOST_RESIZES || this.#resizes.at(-1)?.offset === resize.offset) this.#resizes.pop();
    this.#resizes.push(resize);
  }

  /** Everything up to `offset` was taken in, and the size that it has from there on. */
  hasReached(offset: number): boolean {
    const [due] = this.#resizes;
    return this.parsed >= offset && (due === undefined || due.offset > this.parsed);
  }

  /** Takes in output for a moment, not past `until`. */
  advance(until: number): void {
    const deadline = performance.now() + TURN_MS;
    this.#takeSizes(deadline);
    while (this.parsed < until && performance.now() < deadline) {
      // That took its time, and may have been all that there was need of.
      if (this.#leaveOut(until)) break;
      this.#takePiece(until);
      this.#takeSizes(deadline);
    }
  }

  /** To be written to a terminal of this size that was reset. */
  snapshot(): Size & { readonly bytes: Uint8Array } {
    if (this.#terminal === null) throw new TypeError("a screen was asked for before it was loaded");
    const drawn = Buffer.from(snapshot(this.#terminal, this.#title));
    return { ...this.#size, bytes: Buffer.concat([drawn, this.#tail()]) };
  }

  close(): void {
    this.#terminal?.dispose();
    this.#terminal = null;
    this.#core = null;
  }

  /** One of a large terminal takes long by itself. */
  #takeSizes(deadline: number): void {
    for (let due = this.#resizes[0]; due !== undefined && due.offset <= this.parsed; due = this.#resizes[0]) {
      if (performance.now() >= deadline) return;
      this.#resizes.shift();
      this.#size = due;
      this.#terminal?.resize(due.columns, due.rows);
    }
  }

  #takePiece(until: number): void {
    const end = Math.min(until, this.#resizes[0]?.offset ?? until);
    let piece = this.#ring.read(this.parsed, Math.min(PIECE, end - this.parsed));
    if (piece.length === 0) return;
    if (this.parsed + piece.length < end) {
      // From the start of a line on something may be left out; and xterm loses some characters that come to it in two pieces.
      const whole = piece.lastIndexOf(10) + 1 || piece.length - cutCharacter(piece);
      if (whole > 0) piece = piece.subarray(0, whole);
    }
    this.#core?.writeSync(piece);
    this.parsed += piece.length;
  }

  /** Goes on behind text that is out of reach by now; true when it did. */
  #leaveOut(until: number): boolean {
    const core = this.#core;
    const end = Math.min(until, this.#resizes[0]?.offset ?? until);
    if (core === null || end - this.parsed < WORTH_LEAVING_OUT || this.parsed < this.#lookAgainAt) return false;
    const first = this.#ring.read(this.parsed, WORTH_LEAVING_OUT / 2);
    if (endOfPlainText(first) < first.length - 1) return false;
    const { active, normal } = core.buffers;
    const { rows, columns } = this.#size;
    const isWhole = active.scrollTop === 0 && active.scrollBottom === rows - 1;
    // At the start of a line, with nothing begun, it is the same where in the text it goes on, if that is the start of a line, too.
    if (!isWhole || active.x !== 0 || !this.#isGround(core) || core.coreService.modes.insertMode) return false;
    if (!core.coreService.decPrivateModes.wraparound) return false;
    scratch ??= Buffer.allocUnsafeSlow(this.#ring.size);
    if (scratch.length < this.#ring.size) scratch = Buffer.allocUnsafeSlow(this.#ring.size);
    const text = this.#ring.copy(this.parsed, end, scratch);
    const plain = text.subarray(0, endOfPlainText(text));
    // The cursor is at the bottom after as many lines as the screen has; from then on each one moves the oldest out.
    const reach = 2 * rows + (active === normal ? SCROLLBACK : 0);
    const from = lastLines(plain, reach, columns);
    if (from < WORTH_LEAVING_OUT / 2) {
      this.#lookAgainAt = this.parsed + WORTH_LEAVING_OUT / 2;
      return false;
    }
    this.parsed += from;
    return true;
  }

  #isGround(core: XtermCore): boolean {
    const { _parser, _utf8Decoder } = core._inputHandler;
    return _parser.currentState === GROUND && _utf8Decoder.interim[0] === 0;
  }

  /** The beginning of a sequence or character whose end has not come yet. */
  #tail(): Uint8Array {
    const core = this.#core;
    if (core === null || this.#isGround(core)) return new Uint8Array();
    const start = Math.max(this.#ring.start, this.parsed - LONGEST_TAIL);
    const bytes = this.#ring.copy(start, this.parsed, Buffer.allocUnsafe(this.parsed - start));
    const state = core._inputHandler._parser.currentState;
    if (state === GROUND) return bytes.subarray(bytes.length - cutCharacter(bytes));
    for (let at = bytes.length - 1; at >= 0; at -= 1) {
      const isControl = bytes[at] === 0xc2 && (bytes[at + 1] ?? 0) >= 0x80 && (bytes[at + 1] ?? 0) < 0xa0;
      if (bytes[at] === 0x1b || isControl) return bytes.subarray(at);
    }
    // A string whose beginning is gone: one that means nothing takes its place, and swallows the rest.
    return Buffer.from(state === OSC_STRING ? "\x1b]7777;" : "\x1b_");
  }
}

/** How many bytes at the end are the beginning of a character of UTF-8. */
export function cutCharacter(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return back < length ? back : 0;
    }
  }
  return 0;
}
