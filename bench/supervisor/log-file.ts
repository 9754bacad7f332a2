import { readFileSync, rmSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Captured } from "./subject.ts";

const LOOK_MS = 2;
/** After so long without a byte, no more is waited for. */
const QUIET_MS = 2_000;

/** Waits until a file into which another supervisor writes a program's output has it all, or gets no more. */
export async function logFileFilled(path: string, bytes: number): Promise<Captured> {
  let size = 0;
  let atMs = Date.now();
  while (size < bytes && Date.now() - atMs < QUIET_MS) {
    await sleep(LOOK_MS);
    const now = sizeOf(path);
    if (now === size) continue;
    size = now;
    atMs = Date.now();
  }
  return { atMs, lines: async (written) => await Promise.resolve(wholeLines(readFileSync(path), written)) };
}

export function removeLog(path: string): void {
  rmSync(path, { force: true });
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** How many lines are the same in both, one by one from the beginning. */
function wholeLines(kept: Buffer, written: Buffer): number {
  let lines = 0;
  for (let at = 0; at < written.length;) {
    const end = written.indexOf(0x0a, at) + 1;
    if (end > kept.length || kept.compare(written, at, end, at, end) !== 0) break;
    lines += 1;
    at = end;
  }
  return lines;
}
