import type { LogStream } from "../../../../src/model/record.ts";
import type { LineBlock } from "../../../../src/supervisor/capture/line-block.ts";

/** A block of lines as capturing makes it. */
export function blockOf(text: string | Buffer, more: Partial<LineBlock> = {}): LineBlock {
  const bytes = Buffer.from(text);
  const ends: number[] = [];
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) ends.push(at + 1);
  if (bytes.length > 0 && ends.at(-1) !== bytes.length) ends.push(bytes.length);
  return {
    instance: "app",
    stream: "stderr",
    atMs: 1000,
    bytes,
    ends: Uint32Array.from(ends),
    goesOn: false,
    continues: false,
    ...more,
  };
}

export function linesOf(text: string): string[] {
  return text.split(/(?<=\n)/);
}

/** Both texts in one order, mixed line by line. */
export function interleaved(stdout: string, stderr: string): { stream: LogStream; line: string }[] {
  const out = linesOf(stdout);
  const err = linesOf(stderr);
  return Array.from({ length: Math.max(out.length, err.length) }).flatMap((_, index) => [
    ...(out[index] === undefined ? [] : [{ stream: "stdout" as const, line: out[index] }]),
    ...(err[index] === undefined ? [] : [{ stream: "stderr" as const, line: err[index] }]),
  ]);
}
