import { userInfo } from "node:os";
import { z } from "zod";
import type { Home } from "../../agents/home/home.ts";
import { NovaError, quote } from "../../model/errors.ts";
import { type LockHolder, takeToldLock } from "../told-lock.ts";

interface Work {
  readonly user: string;
  /** What it does: `modules up`. */
  readonly command: string;
}

const workSchema: z.ZodType<Work> = z.object({ user: z.string(), command: z.string() });

/** Does `work` while no other process changes the home's modules. The home's `data/host` must be there. Rejects with `MODULES_BUSY`. */
export async function withModulesLock<T>(home: Home, command: string, work: () => Promise<T>): Promise<T> {
  const lock = await takeToldLock(home, "modules", { user: nameOfUser(), command }, workSchema, (holder) => busy(home, holder));
  try {
    return await work();
  } finally {
    await lock.release();
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

function busy(home: Home, holder: (LockHolder & Work) | undefined): NovaError {
  const who = holder
    ? `\`novabot ${holder.command}\` of ${holder.user} (process ${holder.pid} on ${holder.host}, since ${holder.since})`
    : "a process that did not say which";
  return new NovaError("MODULES_BUSY", `The modules of ${quote(home.root, 400)} are being changed by ${who}.`, {
    place: home.root,
    facts: holder ? { ...holder } : {},
  });
}
