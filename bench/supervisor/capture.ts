import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { memoryOf, processorMs } from "./process-figures.ts";
import type { Captured, Subject } from "./subject.ts";

const LINE_BYTES = 100;

export interface CaptureFigures {
  readonly linesPerSecond: number[];
  /** Of the supervisor itself, for each round. */
  readonly processorMs: number[];
  peakMiB: number;
  /** Of the lines of all rounds, those that were not kept as they were written. */
  missing: number;
}

/** A file of lines of 100 bytes with their newline, each with its number. */
export function writeLines(path: string, lines: number): Buffer {
  const words = "GET /api/v1/items?page=2 200 13ms worker=build-7 request=7f3c9a51 bytes=48213 cache=hit tail=";
  const bytes = Buffer.alloc(lines * LINE_BYTES);
  for (let line = 0; line < lines; line += 1)
    bytes.write(
      `${String(line).padStart(9, "0")} ${words}`.padEnd(LINE_BYTES - 1, "x").slice(0, LINE_BYTES - 1) + "\n",
      line * LINE_BYTES,
      "latin1",
    );
  writeFileSync(path, bytes);
  return bytes;
}

/** Every subject takes in the same lines from the same program, by turns; time runs from that program's own beginning. */
export async function measureCapture(
  subjects: readonly Subject[],
  directory: string,
  lines: number,
  rounds: number,
): Promise<ReadonlyMap<Subject, CaptureFigures>> {
  const file = join(directory, "lines.txt");
  const written = writeLines(file, lines);
  const figures = new Map<Subject, CaptureFigures>(
    subjects.map((subject) => [subject, { linesPerSecond: [], processorMs: [], peakMiB: 0, missing: 0 }]),
  );
  const kept: { readonly subject: Subject; readonly id: string; readonly captured: Captured }[] = [];
  // The first round warms all of them up.
  for (let round = 0; round <= rounds; round += 1) {
    for (const [subject, found] of figures) {
      const id = `capture-${round}`;
      const stamp = join(directory, "stamp");
      const before = processorMs(subject.pid);
      await subject.start(id, ["/bin/sh", "-c", `date +%s%N > ${stamp}; exec cat ${file}`], false);
      const captured = await subject.captured(id, written.length);
      const ms = captured.atMs - Number(BigInt(readFileSync(stamp, "utf8").trim()) / 1000n) / 1000;
      const processor = processorMs(subject.pid) - before;
      found.peakMiB = memoryOf(subject.pid).peakMiB;
      if (round > 0) {
        found.linesPerSecond.push((lines / ms) * 1000);
        found.processorMs.push(processor);
      }
      kept.push({ subject, id, captured });
    }
  }
  // Only now: reading it all back is work, too.
  for (const { subject, id, captured } of kept) {
    const found = figures.get(subject);
    if (found !== undefined) found.missing += lines - (await captured.lines(written));
    await subject.remove(id);
  }
  return figures;
}
