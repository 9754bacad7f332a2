import type { Readable } from "node:stream";
import { unreadable } from "./errors.ts";

/** The JSON values of a stream of lines. A line that is no JSON, or longer than `limitBytes`, is an error. */
export async function* jsonLines(source: Readable, what: string, limitBytes: number = 4 * 2 ** 20): AsyncGenerator<unknown> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(0x0a, from);
      const part = chunk.subarray(from, end < 0 ? chunk.length : end);
      size += part.length;
      if (size > limitBytes) throw unreadable(what, `a line is longer than ${limitBytes} bytes`);
      parts.push(part);
      if (end < 0) break;
      const line = Buffer.concat(parts).toString("utf8").trim();
      parts = [];
      size = 0;
      from = end + 1;
      if (line !== "") yield parse(line, what);
    }
  }
  const rest = Buffer.concat(parts).toString("utf8").trim();
  if (rest !== "") yield parse(rest, what);
}

function parse(line: string, what: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    throw unreadable(what, "a line is not JSON", line);
  }
}
