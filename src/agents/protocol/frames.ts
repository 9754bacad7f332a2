import { timingSafeEqual } from "node:crypto";
import type { ContainerOutput } from "../../model/protocol.ts";
import { parseAnswer } from "./answer.ts";
import { GrowingBytes } from "./growing-bytes.ts";
import { MarkerLines } from "./marker-lines.ts";
import { firstText } from "./utf8.ts";

const SAMPLE_BYTES = 200;
const DEFAULT_LIMIT_BYTES = 8 * 1024 * 1024;
// A carriage return and a newline may stand between the payload and the end marker.
const LINE_END_BYTES = 2;

export interface FrameReaderOptions {
  /** What every frame must echo; null for an image that does not keep that protocol. */
  readonly nonce: string | null;
  /** The longest payload of a frame; 8 MiB when left out. */
  readonly frameLimitBytes?: number;
  /** Called as soon as a frame is complete, during `push` or `end`. */
  onFrame(frame: Frame): void;
}

export type Frame =
  | { readonly kind: "output"; readonly output: ContainerOutput }
  /** Well formed, but the nonce is missing or wrong: something else than the runner wrote it. */
  | { readonly kind: "suspicious"; readonly output: ContainerOutput }
  /** `reason` is a few words, `sample` the beginning of the payload (at most 200 bytes). */
  | { readonly kind: "broken"; readonly reason: string; readonly sample: string };

export interface FrameCounts {
  readonly output: number;
  readonly suspicious: number;
  readonly broken: number;
}

/**
 * Reads output frames from a container's stdout, whatever else is written there. Works on bytes in constant memory: noise is
 * searched and forgotten, a frame is held until it ends or passes its limit.
 */
export class FrameReader {
  readonly #nonce: Buffer | null;
  readonly #limit: number;
  readonly #onFrame: (frame: Frame) => void;
  readonly #lines: MarkerLines;
  readonly #payload: GrowingBytes;
  // A payload's first piece, still in the pushed chunk: most frames end within it and are never copied.
  #piece: Buffer | undefined;
  #inFrame = false;
  readonly #counts = { output: 0, suspicious: 0, broken: 0 };

  constructor(options: FrameReaderOptions) {
    this.#nonce = options.nonce === null ? null : Buffer.from(options.nonce);
    this.#limit = options.frameLimitBytes ?? DEFAULT_LIMIT_BYTES;
    this.#onFrame = (frame) => options.onFrame(frame);
    this.#payload = new GrowingBytes(this.#limit + LINE_END_BYTES);
    this.#lines = new MarkerLines({
      text: (bytes) => this.#text(bytes),
      start: () => this.#start(),
      end: () => this.#end(),
    });
  }

  /** How many frames of each kind there were so far. */
  get counts(): FrameCounts {
    return { ...this.#counts };
  }

  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
    const piece = this.#piece;
    this.#piece = undefined;
    if (piece !== undefined) this.#keep(piece);
  }

  /** The stream is over: an end marker without its newline counts, a frame without an end is broken. */
  end(): void {
    this.#lines.end();
    if (this.#inFrame) this.#broken("half");
  }

  #text(bytes: Buffer): void {
    if (!this.#inFrame) return;
    const isFirst = this.#payload.length === 0 && this.#piece === undefined;
    if (isFirst && bytes.length <= this.#payload.limit) this.#piece = bytes;
    else this.#keep(bytes);
  }

  #start(): void {
    if (this.#inFrame) this.#broken("another frame began before its end");
    this.#inFrame = true;
  }

  #end(): void {
    if (!this.#inFrame) return;
    const payload = withoutLineEnd(this.#held());
    if (payload.length > this.#limit) {
      this.#broken("too large");
      return;
    }
    const answer = parseAnswer(payload);
    if ("reason" in answer) {
      this.#broken(answer.reason);
      return;
    }
    this.#forget();
    this.#tell({ kind: this.#isTrusted(answer.output.nonce) ? "output" : "suspicious", output: answer.output });
  }

  #held(): Buffer {
    return this.#piece ?? this.#payload.view();
  }

  #keep(bytes: Buffer): void {
    if (!this.#inFrame) return;
    if (this.#payload.append(bytes) < bytes.length) this.#broken("too large");
  }

  #broken(reason: string): void {
    const sample = firstText(withoutLineEnd(this.#held()), SAMPLE_BYTES);
    this.#forget();
    this.#tell({ kind: "broken", reason, sample });
  }

  #forget(): void {
    this.#inFrame = false;
    this.#piece = undefined;
    this.#payload.clear();
  }

  #tell(frame: Frame): void {
    this.#counts[frame.kind] += 1;
    this.#onFrame(frame);
  }

  #isTrusted(nonce: string | undefined): boolean {
    if (this.#nonce === null) return true;
    const given = Buffer.from(nonce ?? "");
    return given.length === this.#nonce.length && timingSafeEqual(given, this.#nonce);
  }
}

function withoutLineEnd(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}
