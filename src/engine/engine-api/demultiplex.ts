import { NovaError } from "../../model/errors.ts";

/**
 * Takes an attached stream apart: frames of an 8-byte header (stream, three zeroes, length as big-endian 32 bits) and
 * payload. `sink` gets slices of the chunks that came in, never copies, in order; frames that follow each other in one
 * chunk on one stream are moved together, so that a container that writes byte by byte costs few slices.
 */
export interface Demultiplexer {
  /** `chunk` belongs to the demultiplexer from here on. Throws `ENGINE_RESPONSE` at a header that cannot be. */
  push(chunk: Buffer): void;
  /** No frame is half read. */
  readonly whole: boolean;
}

const HEADER_BYTES = 8;
/** Below this a payload is moved to the one before it; above, a slice of its own costs less than the move. */
const MERGE_BYTES = 4096;

export function demultiplexer(sink: (stream: "stdout" | "stderr", data: Buffer) => void): Demultiplexer {
  const header = Buffer.alloc(HEADER_BYTES);
  let headerFill = 0;
  let stream: "stdout" | "stderr" = "stdout";
  let remaining = 0;

  function readHeader(bytes: Buffer, at: number): void {
    const kind = bytes[at];
    if ((kind !== 1 && kind !== 2 && kind !== 0) || bytes[at + 1] !== 0 || bytes[at + 2] !== 0 || bytes[at + 3] !== 0) {
      throw new NovaError(
        "ENGINE_RESPONSE",
        `The attached stream holds a frame header that cannot be: ${bytes.toString("hex", at, at + HEADER_BYTES)}.`,
      );
    }
    // Stream 0 is an echo of standard input, which engines send as standard output.
    stream = kind === 2 ? "stderr" : "stdout";
    remaining = bytes.readUInt32BE(at + 4);
  }

  return {
    get whole() {
      return remaining === 0 && headerFill === 0;
    },
    push(chunk) {
      let at = 0;
      let runStream = stream;
      let runStart = 0;
      let runEnd = 0;
      const flush = (): void => {
        if (runEnd > runStart) sink(runStream, chunk.subarray(runStart, runEnd));
      };
      while (at < chunk.length) {
        if (remaining > 0) {
          const length = Math.min(remaining, chunk.length - at);
          if (runEnd > runStart && runStream === stream && length <= MERGE_BYTES) {
            chunk.copyWithin(runEnd, at, at + length);
            runEnd += length;
          } else {
            flush();
            runStream = stream;
            runStart = at;
            runEnd = at + length;
          }
          at += length;
          remaining -= length;
        } else if (headerFill === 0 && chunk.length - at >= HEADER_BYTES) {
          readHeader(chunk, at);
          at += HEADER_BYTES;
        } else {
          const length = Math.min(HEADER_BYTES - headerFill, chunk.length - at);
          chunk.copy(header, headerFill, at, at + length);
          headerFill += length;
          at += length;
          if (headerFill === HEADER_BYTES) {
            headerFill = 0;
            readHeader(header, 0);
          }
        }
      }
      flush();
    },
  };
}
