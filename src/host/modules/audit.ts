import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Home } from "../../agents/home/home.ts";
import { nameOfUser } from "./lock.ts";

/** One change of the home's modules. Holds no secrets. */
export interface Change {
  /** `up`, `down`, `restart`, `add`. */
  readonly what: string;
  readonly module: string;
  readonly environment?: string;
  /** `begun` before anything is changed; a line without a later one is of a process that was killed. */
  readonly result: string;
  /** The contract's findings did not count. */
  readonly forced?: boolean;
  readonly durationMs?: number;
  /** The ids of rules that were broken, or the error's code. */
  readonly because?: readonly string[];
}

/** Appends one line to the home's `data/host/audit.jsonl` and syncs it. The directory must be there. */
export async function recordChange(home: Home, change: Change, now: Date = new Date()): Promise<void> {
  const sudo = process.env["SUDO_USER"];
  const line = {
    at: now.toISOString(),
    user: { uid: process.getuid?.() ?? null, name: nameOfUser(), ...(sudo ? { sudo } : {}) },
    host: hostname(),
    pid: process.pid,
    ...change,
  };
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
  const file = await open(join(home.host, "audit.jsonl"), flags, 0o600);
  try {
    // In one write, so that no other line gets into it.
    await file.write(`${JSON.stringify(line)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}
