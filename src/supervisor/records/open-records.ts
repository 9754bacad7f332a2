import { constants } from "node:fs";
import { mkdir, opendir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { Boot } from "./boot.ts";
import { Boots } from "./boots.ts";
import { openPlain, parseSegmentName, scanSegment, Scratch, SEGMENT_LIMIT, type SegmentName } from "./segment.ts";
import { BOOT_NUMBER_LIMIT, BOOTS_LIMIT, readState } from "./state-file.ts";

/** More files of earlier boots are not looked at; the journal keeps fewer. */
const FILES_LIMIT = 4096;
/** So many times their bound is read of files that are there; the journal keeps less. */
const READ_BOUNDS = 4;

/** What earlier boots left. */
export interface Opened {
  readonly boots: Boots;
  /** The boot before this one, when there was one. */
  readonly previous: Boot | null;
  /** Bytes that could not be read. */
  readonly damaged: number;
  /** Records of boots that are too many. */
  readonly tooMany: { readonly lines: number; readonly bytes: number };
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
  const { kept, removedBytes } = await withinBound(directory, names, READ_BOUNDS * diskBytes);
  const scratch = new Scratch();
  let damaged = removedBytes;
  for (const name of kept) {
    let boot = boots.get(name.bootID);
    if (boot === undefined) boots.set(name.bootID, (boot = new Boot(name.bootID, name.boot)));
    if (boot.number === name.boot) damaged += await takeSegment(directory, name.file, name, boot, scratch);
  }
  const all = [...boots.values()].sort((a, b) => a.number - b.number);
  const previous = all.at(-1) ?? null;
  const number = Math.min(BOOT_NUMBER_LIMIT, Math.max(previous?.number ?? 0, state.clearedTo) + 1);
  const present = new Boot(bootID, number);
  const earlier = all.slice(-(BOOTS_LIMIT - 1));
  const tooMany = await removeBoots(all.slice(0, -earlier.length || all.length));
  return { boots: new Boots(earlier, present, state.clearedTo), previous, damaged, tooMany };
}

/** Gives how much of them nobody had acknowledged. */
async function removeBoots(boots: readonly Boot[]): Promise<{ lines: number; bytes: number }> {
  const gone = { lines: 0, bytes: 0 };
  for (const boot of boots)
    for (const { path, firstSeq, lastSeq, bodyBytes } of boot.segments) {
      await unlink(path).catch(() => undefined);
      const lines = Math.min(lastSeq - firstSeq + 1, Math.max(0, lastSeq - boot.acknowledged));
      gone.lines += lines;
      gone.bytes += Math.round((bodyBytes * lines) / (lastSeq - firstSeq + 1));
    }
  return gone;
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

/** The newest files up to a sum of sizes, oldest first; others go unread. */
async function withinBound(
  directory: string,
  names: readonly Named[],
  bytes: number,
): Promise<{ readonly kept: readonly Named[]; readonly removedBytes: number }> {
  let removedBytes = 0;
  const kept: Named[] = [];
  let sum = 0;
  for (const name of names.toReversed()) {
    const path = join(directory, name.file);
    const opened = await openPlain(path).catch(() => null);
    if (opened === null) continue;
    await opened.file.close();
    if (opened.size <= SEGMENT_LIMIT && sum + opened.size <= bytes) {
      sum += opened.size;
      kept.push(name);
      continue;
    }
    await unlink(path).catch(() => undefined);
    removedBytes += opened.size;
  }
  return { kept: kept.reverse(), removedBytes };
}

/** Takes the segment into its boot and gives how many bytes of it could not be read. */
async function takeSegment(directory: string, file: string, name: SegmentName, boot: Boot, scratch: Scratch): Promise<number> {
  const path = join(directory, file);
  const opened = await openForMending(path);
  if (opened === null) return 0;
  try {
    const after = { seq: boot.segments.at(-1)?.lastSeq ?? 0, atMs: boot.segments.at(-1)?.lastAtMs ?? 0 };
    const shows = (instance: string | null, seq: number): boolean => boot.shows(instance, seq);
    const found = await scanSegment(opened, path, name, after, shows, scratch).catch(() => undefined);
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
