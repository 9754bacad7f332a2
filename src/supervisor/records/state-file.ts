import { constants } from "node:fs";
import { open, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { instanceIDSchema } from "../../model/instance.ts";
import { bootIDSchema } from "../../model/record.ts";
import { Boot } from "./boot.ts";
import type { Boots } from "./boots.ts";
import { openPlain, readFully } from "./segment.ts";

// What segments cannot say: what was acknowledged and cleared, what had to go, and how each boot ended. Without it records are sent again, and
// who collects knows them by their numbers.

const FILE = "state.json";
const DRAFT = "state.json.draft";
const SIZE_LIMIT = 8_388_608;
export const BOOTS_LIMIT = 1000;
export const BOOT_NUMBER_LIMIT = 99_999_999;

const seq = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const bootSchema = z.object({
  id: bootIDSchema,
  number: z.number().int().min(1).max(BOOT_NUMBER_LIMIT),
  lastAtMs: z.number().min(0),
  acknowledged: seq,
  isCollected: z.boolean(),
  isClean: z.boolean(),
  clearedAll: seq,
  cleared: z.record(instanceIDSchema, seq),
  gaps: z.array(z.object({ from: seq, to: seq, bytes: seq, reason: z.enum(["bound", "disk", "damaged"]) })).max(100),
});
const stateSchema = z.object({
  clearedTo: z.number().int().min(0).max(BOOT_NUMBER_LIMIT),
  boots: z.array(bootSchema).max(BOOTS_LIMIT),
});

export interface State {
  readonly clearedTo: number;
  readonly boots: readonly Boot[];
}

/** What an earlier boot left; nothing when there is no such file or it cannot be read. */
export async function readState(directory: string): Promise<State> {
  const nothing: State = { clearedTo: 0, boots: [] };
  const opened = await openPlain(join(directory, FILE)).catch(() => null);
  if (opened === null) return nothing;
  try {
    if (opened.size > SIZE_LIMIT) return nothing;
    const buffer = Buffer.alloc(opened.size);
    const length = await readFully(opened.file, buffer, buffer.length, 0);
    const state = stateSchema.parse(JSON.parse(buffer.toString("utf8", 0, length)));
    return { clearedTo: state.clearedTo, boots: state.boots.map(bootFrom) };
  } catch {
    return nothing;
  } finally {
    await opened.file.close();
  }
}

function bootFrom(kept: z.infer<typeof bootSchema>): Boot {
  const boot = new Boot(kept.id, kept.number);
  boot.lastAtMs = kept.lastAtMs;
  boot.acknowledged = kept.acknowledged;
  boot.isCollected = kept.isCollected;
  boot.isClean = kept.isClean;
  boot.clearedAll = kept.clearedAll;
  for (const [instance, to] of Object.entries(kept.cleared)) boot.cleared.set(instance, to);
  boot.gaps = kept.gaps.filter((gap) => gap.from <= gap.to);
  // Numbers that had to go were given, though no file has them any more.
  boot.lastSeq = Math.max(0, ...boot.gaps.map((gap) => gap.to));
  return boot;
}

/** Puts it in the old one's place at once or not at all. Rejects with the system's error. */
export async function writeState(directory: string, boots: Boots): Promise<void> {
  const state: z.infer<typeof stateSchema> = {
    clearedTo: boots.clearedTo,
    boots: boots.list.slice(-BOOTS_LIMIT).map((boot) => ({
      id: boot.id,
      number: boot.number,
      lastAtMs: boot.lastAtMs,
      acknowledged: boot.acknowledged,
      isCollected: boot.isCollected,
      isClean: boot.isClean,
      clearedAll: boot.clearedAll,
      cleared: Object.fromEntries(boot.cleared),
      gaps: [...boot.gaps],
    })),
  };
  const draft = join(directory, DRAFT);
  // A draft that is there was left by a killed supervisor, or put there by somebody else: neither is written into.
  await unlink(draft).catch(() => undefined);
  const file = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(JSON.stringify(state));
  } finally {
    await file.close();
  }
  await rename(draft, join(directory, FILE));
}
