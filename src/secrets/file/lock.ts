import { readFileSync, readlinkSync, renameSync, symlinkSync, unlinkSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { hasCode, NovaError, quote, reasonOf } from "../../model/errors.ts";

export interface HeldLock {
  /** Rejects when somebody took the lock away. */
  check(): void;
  release(): void;
}

const waitMs = 10_000;
const lookAgainMs = 20;

/**
 * Keeps other writers of the file at `path` away. The lock is a link `.#NAME` beside it, as editors make them, that says who has it: making a
 * link is one step and carries the text with it, so no lock is ever half written. One whose process is gone gives way. Waits
 * ten seconds for one that lives.
 */
export async function lockFile(path: string): Promise<HeldLock> {
  const link = join(dirname(path), `.#${basename(path)}`);
  const mine = `${hostname()}:${process.pid}:${startOf(process.pid) ?? ""}:${process.hrtime.bigint()}`;
  const until = performance.now() + waitMs;
  for (;;) {
    try {
      symlinkSync(mine, link);
      break;
    } catch (thrown) {
      if (!hasCode(thrown, "EEXIST")) {
        throw new NovaError("SECRETS_INVALID", `The file cannot be written: ${reasonOf(thrown)}.`, {
          place: path,
          next: "See that its directory is there, belongs to you and has room.",
          cause: thrown,
        });
      }
    }
    const theirs = readLock(link);
    if (theirs !== undefined && isAbandoned(theirs)) {
      takeAway(link, theirs);
      continue;
    }
    if (performance.now() > until) {
      const who = theirs === undefined ? "something that is no lock stands in the lock's place" : quote(theirs);
      throw new NovaError("SECRETS_INVALID", `Another program writes the file: ${who}.`, {
        place: path,
        next: `Wait until it is done. When nothing does, remove ${link}.`,
      });
    }
    await delay(lookAgainMs);
  }
  return {
    check() {
      if (readLock(link) === mine) return;
      throw new NovaError("SECRETS_INVALID", "Somebody removed the lock on the file; nothing was written.", { place: link });
    },
    release() {
      if (readLock(link) === mine) unlinkSync(link);
    },
  };
}

function readLock(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}

/** Whether the process of a lock is gone. Another machine's and other programs' locks are taken for live ones. */
function isAbandoned(text: string): boolean {
  const [host, pid, start] = text.split(":");
  if (host !== hostname() || !/^\d+$/.test(pid ?? "")) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (thrown) {
    return hasCode(thrown, "ESRCH");
  }
  // The number may be another process's by now.
  return (startOf(Number(pid)) ?? "") !== start;
}

/** Of several who find the same abandoned lock, one removes it; a lock that somebody took meanwhile is put back. */
function takeAway(link: string, text: string): void {
  const aside = `${link}.${process.pid}`;
  try {
    renameSync(link, aside);
    if (readLock(aside) === text) unlinkSync(aside);
    else renameSync(aside, link);
  } catch (thrown) {
    if (!hasCode(thrown, "ENOENT")) throw thrown;
  }
}

/** When a process began, in the kernel's ticks; undefined where there is no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
