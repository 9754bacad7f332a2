import { INPUT_LIMIT_BYTES } from "./input.ts";

/**
 * The lines of `stream`, without their newlines and without blank ones. Reads on only when the next line is asked for. A line longer
 * than `limit` bytes comes as an error, and the lines after it as usual.
 */
export async function* inputLines(
  stream: AsyncIterable<Uint8Array>,
  limit: number = INPUT_LIMIT_BYTES,
): AsyncGenerator<Buffer | Error, void, undefined> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  const add = (part: Uint8Array): void => {
    bytes += part.length;
    if (bytes <= limit) parts.push(part);
    else parts = [];
  };
  const take = (): Buffer | Error | undefined => {
    const line = bytes > limit ? new Error(`The input is longer than ${limit} bytes.`) : Buffer.concat(parts);
    parts = [];
    bytes = 0;
    return line instanceof Error || line.some((byte) => byte > 32) ? line : undefined;
  };
  for await (const chunk of stream) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      add(chunk.subarray(from, at));
      from = at + 1;
      const line = take();
      if (line !== undefined) yield line;
    }
    add(chunk.subarray(from));
  }
  const last = take();
  if (last !== undefined) yield last;
}
