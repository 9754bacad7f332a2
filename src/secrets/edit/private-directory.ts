import { accessSync, constants, lstatSync, mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasCode } from "../../model/errors.ts";

export interface PrivateDirectory {
  readonly path: string;
  /** Removes it with all that is in it; may be called again. */
  remove(): void;
}

const PREFIX = "novabot-secrets-";
const TMPFS = 0x01021994;
const endings = ["SIGTERM", "SIGHUP", "SIGINT"] as const;

/**
 * Makes a directory that only its owner can enter, in memory where the system has such a place (`/dev/shm`), and removes it when the process is ended
 * by a signal, too, unless `ends` is called first and says that the signal is not meant for it. What a killed process has left is removed by
 * the next one of the same user.
 */
export function privateDirectory(
  ends: (signal: NodeJS.Signals) => boolean,
  places: readonly string[] = ["/dev/shm"],
): PrivateDirectory {
  const parent = places.find(isInMemory) ?? tmpdir();
  sweep(parent);
  const path = mkdtempSync(join(parent, `${PREFIX}${process.pid}-`));
  const remove = (): void => {
    for (const signal of endings) process.off(signal, end);
    rmSync(path, { recursive: true, force: true });
  };
  const end = (signal: NodeJS.Signals): void => {
    if (!ends(signal)) return;
    remove();
    process.kill(process.pid, signal);
  };
  for (const signal of endings) process.on(signal, end);
  return { path, remove };
}

function isInMemory(place: string): boolean {
  try {
    accessSync(place, constants.W_OK | constants.X_OK);
    return statfsSync(place).type === TMPFS;
  } catch {
    return false;
  }
}

function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = Number(/^novabot-secrets-(\d+)-/.exec(name)?.[1]);
    if (!pid) continue;
    try {
      process.kill(pid, 0);
    } catch (thrown) {
      if (!hasCode(thrown, "ESRCH")) continue;
      // Anybody may make such a name here, and change what is below it while root removes it.
      const path = join(parent, name);
      if (lstatSync(path, { throwIfNoEntry: false })?.uid === process.getuid?.()) rmSync(path, { recursive: true, force: true });
    }
  }
}
