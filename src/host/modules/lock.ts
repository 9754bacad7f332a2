import { randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Home } from "../../agents/home/home.ts";
import { tryFileLock } from "../../agents/turns/file-lock.ts";
import { hasCode, NovaError, quote } from "../../model/errors.ts";

interface ModulesHolder {
  readonly pid: number;
  readonly host: string;
  readonly user: string;
  /** What it does: `modules up`. */
  readonly command: string;
  /** ISO 8601 in UTC. */
  readonly since: string;
}

const holderSchema: z.ZodType<ModulesHolder> = z.object({
  pid: z.number(),
  host: z.string(),
  user: z.string(),
  command: z.string(),
  since: z.string(),
});

const SAYS_WITHIN_MS = 1000;

/** Does `work` while no other process changes the home's modules. The home's `data/host` must be there. Rejects with `MODULES_BUSY`. */
export async function withModulesLock<T>(home: Home, command: string, work: () => Promise<T>): Promise<T> {
  const lock = tryFileLock(join(home.host, "modules.lock"));
  const told = join(home.host, "modules.json");
  if (!lock) throw busy(home, await readHolder(told));
  try {
    const holder: ModulesHolder = {
      pid: process.pid,
      host: hostname(),
      user: nameOfUser(),
      command,
      since: new Date().toISOString(),
    };
    const draft = `${told}.${randomBytes(6).toString("hex")}.tmp`;
    await writeFile(draft, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
    await rename(draft, told);
    return await work();
  } finally {
    await rm(told, { force: true });
    lock.release();
  }
}

/** The user's name, or the number where the system knows none. */
export function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "unknown");
  }
}

/** Who has the lock says so just after it got it; a line of a process that is no more is another's, which was killed. */
async function readHolder(path: string): Promise<ModulesHolder | undefined> {
  for (const end = performance.now() + SAYS_WITHIN_MS; ; await delay(20)) {
    try {
      const holder = holderSchema.parse(JSON.parse(await readFile(path, "utf8")));
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

function busy(home: Home, holder: ModulesHolder | undefined): NovaError {
  const who = holder
    ? `\`novabot ${holder.command}\` of ${holder.user} (process ${holder.pid} on ${holder.host}, since ${holder.since})`
    : "a process that did not say which";
  return new NovaError("MODULES_BUSY", `The modules of ${quote(home.root, 400)} are being changed by ${who}.`, {
    place: home.root,
    facts: holder ? { ...holder } : {},
  });
}
