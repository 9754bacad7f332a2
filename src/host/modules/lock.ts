import { randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Home } from "../../agents/home/home.ts";
import { tryFileLock } from "../../agents/turns/file-lock.ts";
import { NovaError, quote } from "../../model/errors.ts";

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

async function readHolder(path: string): Promise<ModulesHolder | undefined> {
  try {
    return holderSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined;
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
