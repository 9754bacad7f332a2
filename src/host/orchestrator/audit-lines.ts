import { constants, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Home } from "../../agents/home/home.ts";
import { hasCode, messageOf } from "../../model/errors.ts";
import type { AuditRow } from "../../model/kept.ts";
import type { Logger } from "../../orchestrator/ports.ts";
import type { Store } from "../../store/store.ts";

const LOOK_EVERY_MS = 2000;
const READ_BYTES = 1_048_576;
const commands = ["up", "down", "restart", "add"];

const lineSchema = z.looseObject({
  at: z.iso.datetime(),
  user: z.object({ uid: z.number().nullable(), name: z.string() }),
  what: z.string(),
  module: z.string(),
  result: z.string(),
});

/**
 * Takes the lines of `data/host/audit.jsonl`, which commands write that change the home's modules, into the audit table: those that it does not have,
 * and each that comes. Gives what ends it.
 */
export async function takeAuditLines(home: Home, store: Store, logger: Logger): Promise<() => Promise<void>> {
  const over = new AbortController();
  let offset = await lastOffset(store);
  const look = async (): Promise<void> => {
    try {
      for (const { row, end } of await newLines(home, offset)) {
        if (row) await store.putAudit(row);
        offset = end;
      }
    } catch (error) {
      logger.warn({ reason: messageOf(error) }, "the commands' audit lines could not be taken over");
    }
  };
  await look();
  const looking = (async () => {
    while (!over.signal.aborted) {
      await delay(LOOK_EVERY_MS, undefined, { signal: over.signal }).catch(() => undefined);
      await look();
    }
  })();
  return async () => {
    over.abort();
    await looking;
  };
}

/** Where the line ends that the table has last: each row says so itself. One before it may be of a longer file that was taken away. */
async function lastOffset(store: Store): Promise<number> {
  const pages = await Promise.all(commands.map((what) => store.audit({ what: `modules.${what}`, limit: 1 })));
  const [newest] = pages.flatMap(({ items }) => items).toSorted((a, b) => b.position - a.position);
  // All rows of it may be gone since.
  const end = newest?.facts["line"] ?? (await store.takenOut()).auditLine;
  return typeof end === "number" ? end : 0;
}

async function newLines(
  home: Home,
  from: number,
): Promise<{ readonly row: Omit<AuditRow, "position"> | undefined; readonly end: number }[]> {
  const file = await openFile(join(home.host, "audit.jsonl"));
  if (!file) return [];
  try {
    const stats: Stats = await file.stat();
    // Somebody took lines away: what is there now is looked at from its beginning.
    let at = stats.size < from ? 0 : from;
    const bytes = Buffer.alloc(Math.min(READ_BYTES, stats.size - at));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, at);
    const whole = bytes.subarray(0, bytesRead).lastIndexOf(10) + 1;
    return bytes
      .toString("utf8", 0, whole)
      .split("\n")
      .slice(0, -1)
      .map((line) => ({ row: rowOf(line, (at += Buffer.byteLength(line) + 1)), end: at }));
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Undefined for what is no line of ours. */
function rowOf(line: string, end: number): Omit<AuditRow, "position"> | undefined {
  try {
    const { at, user, what, module, result, ...facts } = lineSchema.parse(JSON.parse(line));
    return {
      atMs: Date.parse(at),
      who: user.name,
      door: "command",
      what: `modules.${what}`,
      worker: null,
      container: null,
      subject: module,
      result,
      facts: { ...facts, uid: user.uid, line: end },
    };
  } catch {
    return undefined;
  }
}
