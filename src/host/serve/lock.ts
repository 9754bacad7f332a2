import { randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Home } from "../../agents/home/home.ts";
import { tryFileLock, type FileLock } from "../../agents/turns/file-lock.ts";
import { NovaError, quote } from "../../model/errors.ts";

/** Who serves a home. */
export interface ServeHolder {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601 in UTC. */
  readonly since: string;
}

const holderSchema: z.ZodType<ServeHolder> = z.object({ pid: z.number(), host: z.string(), since: z.string() });

/** That one process serves the home, for as long as it lives. */
export class ServeLock {
  readonly #lock: FileLock;
  readonly #told: string;

  private constructor(lock: FileLock, told: string) {
    this.#lock = lock;
    this.#told = told;
  }

  /** The home's `data/host` must be there. Rejects with `HOME_BUSY`, naming who has it. */
  static async take(home: Home): Promise<ServeLock> {
    const lock = tryFileLock(join(home.host, "serve.lock"));
    const told = join(home.host, "serve.json");
    if (!lock) throw busy(home, await readHolder(told));
    const holder: ServeHolder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
    const temporary = `${told}.${randomBytes(6).toString("hex")}.tmp`;
    await writeFile(temporary, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
    await rename(temporary, told);
    return new ServeLock(lock, told);
  }

  async release(): Promise<void> {
    await rm(this.#told, { force: true });
    this.#lock.release();
  }
}

/** Undefined when nobody said so, or it cannot be read. */
async function readHolder(path: string): Promise<ServeHolder | undefined> {
  try {
    return holderSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined;
  }
}

function busy(home: Home, holder: ServeHolder | undefined): NovaError {
  const who = holder ? `process ${holder.pid} on ${holder.host}, since ${holder.since}` : "a process that did not say which";
  return new NovaError("HOME_BUSY", `The home ${quote(home.root, 400)} is served already, by ${who}.`, {
    place: home.root,
    next: holder ? `Use that one (\`novabot status\`), or stop it first: kill ${holder.pid}` : "Use that one, or stop it first.",
    facts: holder ? { ...holder } : {},
  });
}
