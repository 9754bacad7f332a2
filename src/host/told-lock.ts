import { randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Home } from "../agents/home/home.ts";
import { tryFileLock } from "../agents/turns/file-lock.ts";
import { hasCode } from "../model/errors.ts";

/** Who has a lock of a home. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601 in UTC. */
  readonly since: string;
}

export interface ToldLock {
  release(): Promise<void>;
}

const SAYS_WITHIN_MS = 1000;

/**
 * Takes the home's lock of that name, which the kernel drops when this process ends, and tells others who has it, and `more` of it. Rejects with
 * what `busy` makes of who has it already; undefined when they do not say. The home's `data/host` must be there.
 */
export async function takeToldLock<More extends object>(
  home: Home,
  name: "serve" | "modules" | "up",
  more: More,
  schema: z.ZodType<More>,
  busy: (holder: (LockHolder & More) | undefined) => Error,
): Promise<ToldLock> {
  const told = join(home.host, `${name}.json`);
  const lock = tryFileLock(join(home.host, `${name}.lock`));
  if (!lock) throw busy(await readHolder(told, z.intersection(holderSchema, schema)));
  const holder = { pid: process.pid, host: hostname(), ...more, since: new Date().toISOString() };
  const release = async (): Promise<void> => {
    try {
      await rm(told, { force: true });
    } finally {
      lock.release();
    }
  };
  const draft = `${told}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeFile(draft, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
    await rename(draft, told);
  } catch (thrown) {
    await rm(draft, { force: true });
    lock.release();
    throw thrown;
  }
  return { release };
}

const holderSchema: z.ZodType<LockHolder> = z.object({ pid: z.number(), host: z.string(), since: z.string() });

/** Who has the lock says so just after it got it; a line of a process that is no more is another's, which was killed. */
async function readHolder<T extends LockHolder>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  for (const end = performance.now() + SAYS_WITHIN_MS; ; await delay(20)) {
    try {
      const holder = schema.parse(JSON.parse(await readFile(path, "utf8")));
      if (holder.host !== hostname() || isAlive(holder.pid)) return holder;
    } catch {
      // Not there yet.
    }
    if (performance.now() >= end) return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (thrown) {
    return hasCode(thrown, "EPERM");
  }
}
