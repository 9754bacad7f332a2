import { type LogLevel, logLevels } from "../../model/record.ts";
import type { LogSummary } from "../../model/worker-calls.ts";

/** Lines of one instance in one place, and the levels of those that were looked at. */
export interface Tally {
  lines: number;
  bytes: number;
  firstAtMs: number;
  lastAtMs: number;
  levels: Record<LogLevel | "none", number> | null;
}

export function addToTally(
  tallies: Map<string, Tally>,
  instance: string,
  lines: number,
  bytes: number,
  firstAtMs: number,
  lastAtMs: number,
): Tally {
  let tally = tallies.get(instance);
  if (tally === undefined) tallies.set(instance, (tally = { lines: 0, bytes: 0, firstAtMs, lastAtMs, levels: null }));
  tally.lines += lines;
  tally.bytes += bytes;
  tally.lastAtMs = lastAtMs;
  return tally;
}

export function noLevels(): Record<LogLevel | "none", number> {
  return { trace: 0, debug: 0, info: 0, warn: 0, error: 0, fatal: 0, none: 0 };
}

export function addLevels(to: Record<LogLevel | "none", number>, from: Readonly<Record<LogLevel | "none", number>>): void {
  for (const level of [...logLevels, "none"] as const) to[level] += from[level];
}

/** Adds what was counted in a later place. */
export function joinTallies(into: Map<string, Tally>, later: ReadonlyMap<string, Tally>): void {
  for (const [instance, { lines, bytes, firstAtMs, lastAtMs, levels }] of later) {
    const tally = addToTally(into, instance, lines, bytes, firstAtMs, lastAtMs);
    if (levels !== null) addLevels((tally.levels ??= noLevels()), levels);
  }
}

export function summariesOf(tallies: ReadonlyMap<string, Tally>): readonly LogSummary[] {
  return [...tallies].map(([instance, { lines, bytes, firstAtMs, lastAtMs }]) => ({
    instance,
    lines,
    bytes,
    firstAtMs,
    lastAtMs,
  }));
}
