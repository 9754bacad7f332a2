import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

interface Owner {
  readonly pid: number;
  readonly started: string;
}

/** When a process began, in the kernel's ticks since boot, so that a pid used again is not taken for its first owner. */
async function startOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (text !== undefined) return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  try {
    process.kill(pid, 0);
    return "";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? "" : undefined;
  }
}

async function isHeld(directory: string): Promise<boolean> {
  const text = await readFile(join(directory, "owner"), "utf8").catch(() => undefined);
  if (text === undefined) return false;
  const [pid, started] = text.split(" ");
  const owner: Owner = { pid: Number(pid), started: started ?? "" };
  if (!Number.isSafeInteger(owner.pid) || owner.pid <= 0) return false;
  return (await startOf(owner.pid)) === owner.started;
}

/** Takes the lock if nobody lives who has it. The directory appears with its owner in it, so there is no moment without one. */
async function tryLock(directory: string): Promise<boolean> {
  const draft = `${directory}.${randomBytes(6).toString("hex")}`;
  await mkdir(draft, { recursive: true });
  await writeFile(join(draft, "owner"), `${process.pid} ${(await startOf(process.pid)) ?? ""}`);
  try {
    // A directory cannot be renamed over one that is not empty: of several only one succeeds.
    await rename(draft, directory);
    return true;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    return false;
  }
}

/**
 * Runs `work` while no other process does with the same lock directory. A lock whose owner has died is taken over.
 * `onWait` is called once when somebody else has it.
 */
export async function withLock<T>(directory: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(directory), { recursive: true });
  let waited = false;
  while (!(await tryLock(directory))) {
    if (await isHeld(directory)) {
      if (!waited) onWait();
      waited = true;
      await delay(200);
      continue;
    }
    // Moved away before it is deleted: only one of several waiters moves a dead owner's lock, and none a live one's.
    const grave = `${directory}.${randomBytes(6).toString("hex")}`;
    await rename(directory, grave).catch(() => undefined);
    if (await isHeld(grave)) await rename(grave, directory).catch(() => undefined);
    else await rm(grave, { recursive: true, force: true });
  }
  try {
    return await work();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
