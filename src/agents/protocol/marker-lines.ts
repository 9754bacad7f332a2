import { OUTPUT_END, OUTPUT_START } from "../../model/markers.ts";

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const nothing = Buffer.alloc(0);
const startMarker = Buffer.from(OUTPUT_START);
const endMarker = Buffer.from(OUTPUT_END);
const common = Buffer.from(commonPrefix(OUTPUT_START, OUTPUT_END));
// The newline is part of what is searched, so that markers within lines cost nothing.
const needle = Buffer.concat([Buffer.of(NEWLINE), common]);

function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return a.slice(0, length);
}

/** What a stream consists of, in order. `text` holds whole or part lines and may come in pieces, one for each push at most between two markers. */
export interface MarkerSink {
  /** A view into the pushed chunk: copy what shall outlive the push. */
  text(bytes: Buffer): void;
  start(): void;
  end(): void;
}

/**
 * Finds marker lines in a stream of bytes. A marker counts only as a whole line: from the beginning of the stream or after a
 * newline, up to a newline with or without a carriage return; the end marker also up to the end of the stream.
 * Between pushes it keeps no more than a marker's length.
 */
export class MarkerLines {
  readonly #sink: MarkerSink;
  // The beginning of a line that may become a marker.
  #carry: Buffer = nothing;
  #atLineStart = true;

  constructor(sink: MarkerSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const data = this.#carry.length === 0 ? bytes : Buffer.concat([this.#carry, bytes]);
    this.#carry = nothing;

    // `done` bytes are handed on; `line` is where a marker may stand.
    let done = 0;
    let line = this.#atLineStart ? 0 : nextCandidate(data, 0);
    while (line !== -1) {
      const found = markerAt(data, line);
      if (found === "perhaps") {
        this.#hold(data, done, line);
        return;
      }
      if (found === undefined) {
        line = nextCandidate(data, line);
        continue;
      }
      this.#text(data, done, line);
      if (found.marker === startMarker) this.#sink.start();
      else this.#sink.end();
      done = found.next;
      line = done;
    }

    const last = beginningAtEnd(data);
    if (last >= done && last !== -1) this.#hold(data, done, last);
    else {
      this.#text(data, done, data.length);
      this.#atLineStart = false;
    }
  }

  /** The stream is over: what was held back is text or an end marker. */
  end(): void {
    const rest = this.#carry;
    this.#carry = nothing;
    this.#atLineStart = false;
    if ((rest.at(-1) === RETURN ? rest.subarray(0, -1) : rest).equals(endMarker)) this.#sink.end();
    else this.#text(rest, 0, rest.length);
  }

  #text(data: Buffer, from: number, to: number): void {
    if (to > from) this.#sink.text(data.subarray(from, to));
  }

  #hold(data: Buffer, done: number, line: number): void {
    this.#text(data, done, line);
    this.#carry = Buffer.from(data.subarray(line));
    this.#atLineStart = true;
  }
}

/** The next line after `from` that begins like a marker and is long enough to be told; -1 when there is none. */
function nextCandidate(data: Buffer, from: number): number {
  const at = data.indexOf(needle, from);
  return at === -1 ? -1 : at + 1;
}

/** The marker that stands as a whole line at `line`, `undefined` for none, "perhaps" when the data ends too early to say. */
function markerAt(data: Buffer, line: number): { readonly marker: Buffer; readonly next: number } | "perhaps" | undefined {
  for (const marker of [startMarker, endMarker]) {
    if (!continues(data, line, marker)) continue;
    let next = line + marker.length;
    if (data[next] === RETURN) next += 1;
    if (next >= data.length) return "perhaps";
    return data[next] === NEWLINE ? { marker, next: next + 1 } : undefined;
  }
  return undefined;
}

/** Where the last line begins, when it is so short that the search could not see it and may yet become a marker; else -1. */
function beginningAtEnd(data: Buffer): number {
  const window = Math.max(0, data.length - needle.length);
  const newline = data.subarray(window).lastIndexOf(NEWLINE);
  if (newline === -1) return -1;
  const line = window + newline + 1;
  return continues(data, line, common) ? line : -1;
}

/** Whether the data from `line` on is `expected`, or its beginning where the data ends. */
function continues(data: Buffer, line: number, expected: Buffer): boolean {
  const length = Math.min(expected.length, data.length - line);
  // A loop, because a call into native code costs more than a marker's few bytes.
  for (let index = 0; index < length; index += 1) if (data[line + index] !== expected[index]) return false;
  return true;
}
