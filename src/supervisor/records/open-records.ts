import { constants } from "node:fs";
import { mkdir, opendir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { Boot } from "./boot.ts";
import { Boots } from "./boots.ts";
import { openPlain, parseSegmentName, scanSegment, type SegmentName } from "./segment.ts";
import { BOOT_NUMBER_LIMIT, readState } from "./state-file.ts";

/** More files of earlier boots are not looked at; the journal keeps fewer. */
const FILES_LIMIT = 4096;

/** What earlier boots left. */
export interface Opened {
  readonly boots: Boots;
  /** The boot before this one, when there was one. */
  readonly previous: Boot | null;
  /** Bytes that could not be read. */
  readonly damaged: number;
}

/**
 * Finds the files of earlier boots in a directory, in which anything may be: what is not a segment's name, or not a plain file, is left alone.
 * A segment's torn end is cut off; one in which nothing can be read is removed. Never rejects for what it finds.
 */
export async function openRecords(directory: string, bootID: string, diskBytes: number): Promise<Opened> {
  await mkdir(directory, { recursive: true, mode: 0o700 }).catch(() => undefined);
  const state = await readState(directory);
  const boots = new Map<string, Boot>();
  for (const boot of state.boots) if (boot.id !== bootID) boots.set(boot.id, boot);
  const names = await segmentNames(directory, bootID);
  let damaged = 0;
  for (const name of await withinBound(directory, names, 2 * diskBytes)) {
    let boot = boots.get(name.bootID);
    if (boot === undefined) boots.set(name.bootID, (boot = new Boot(name.bootID, name.boot)));
    if (boot.number === name.boot) damaged += await takeSegment(directory, name.file, name, boot);
  }
  const earlier = [...boots.values()].sort((a, b) => a.number - b.number);
  const previous = earlier.at(-1) ?? null;
  const present = new Boot(bootID, Math.max(previous?.number ?? 0, state.clearedTo) + 1);
  return { boots: new Boots(earlier, present, state.clearedTo), previous, damaged };
}

type Named = SegmentName & { readonly file: string };

async function segmentNames(directory: string, bootID: string): Promise<Named[]> {
  const names: Named[] = [];
  try {
    for await (const { name: file } of await opendir(directory)) {
      const name = parseSegmentName(file);
      if (name === undefined || name.bootID === bootID || name.boot < 1 || name.boot > BOOT_NUMBER_LIMIT) continue;
      names.push({ ...name, file });
      if (names.length >= FILES_LIMIT) break;
    }
  } catch {
    // Without a directory that can be read, there is nothing of earlier boots.
  }
  return names.sort((a, b) => a.boot - b.boot || a.number - b.number);
}

/** The newest files up to a sum of sizes, oldest first; older ones go unread. */
async function withinBound(directory: string, names: readonly Named[], bytes: number): Promise<Named[]> {
  const kept: Named[] = [];
  let sum = 0;
  for (const name of names.toReversed()) {
    const path = join(directory, name.file);
    const opened = await openPlain(path).catch(() => null);
    if (opened === null) continue;
    await opened.file.close();
    sum += opened.size;
    if (sum <= bytes) kept.push(name);
    else await unlink(path).catch(() => undefined);
  }
  return kept.reverse();
}

/** Takes the segment into its boot and gives how many bytes of it could not be read. */
async function takeSegment(directory: string, file: string, name: SegmentName, boot: Boot): Promise<number> {
  const path = join(directory, file);
  const opened = await openForMending(path);
  if (opened === null) return 0;
  try {
    const after = { seq: boot.segments.at(-1)?.lastSeq ?? 0, atMs: boot.segments.at(-1)?.lastAtMs ?? 0 };
    const shows = (instance: string | null, seq: number): boolean => boot.shows(instance, seq);
    const found = await scanSegment(opened, path, name, after, shows).catch(() => undefined);
    if (found === undefined || found.segment.spans.length === 0) {
      await unlink(path).catch(() => undefined);
      // A supervisor that was killed while it made the file leaves less than a head.
      return found?.damaged ?? opened.size;
    }
    boot.segments.push(found.segment);
    boot.lastSeq = Math.max(boot.lastSeq, found.segment.lastSeq);
    boot.lastAtMs = Math.max(boot.lastAtMs, found.segment.lastAtMs);
    if (opened.size > found.segment.size) await opened.file.truncate(found.segment.size).catch(() => undefined);
    return found.damaged;
  } finally {
    await opened.file.close();
  }
}

async function openForMending(path: string): ReturnType<typeof openPlain> {
  return (await openPlain(path, constants.O_RDWR).catch(() => null)) ?? openPlain(path).catch(() => null);
}
