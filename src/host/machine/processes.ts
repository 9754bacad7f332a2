import { readdir, readFile } from "node:fs/promises";

export interface HostProcess {
  readonly pid: number;
  readonly parent: number;
  readonly argv: readonly string[];
}

/** The process `pid` of this Linux machine, with the command line that it really has; undefined when there is none. */
export async function readProcess(pid: number): Promise<HostProcess | undefined> {
  try {
    const [line, status] = await Promise.all([readFile(`/proc/${pid}/cmdline`, "utf8"), readFile(`/proc/${pid}/stat`, "utf8")]);
    // The name in the second field may hold spaces and brackets; the parent follows the last one.
    const fields = status.slice(status.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z") return undefined;
    return { pid, parent: Number(fields[1]), argv: line.split("\0").slice(0, -1) };
  } catch {
    return undefined;
  }
}

export async function listProcesses(): Promise<HostProcess[]> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number);
  return (await Promise.all(pids.map(readProcess))).filter((found) => found !== undefined);
}

/** Everything that `roots` have started and that still lives below them, deepest last. */
export function descendants(all: readonly HostProcess[], roots: readonly HostProcess[]): HostProcess[] {
  const found = [...roots];
  const seen = new Set(roots.map(({ pid }) => pid));
  for (const parent of found) {
    for (const child of all) {
      if (child.parent !== parent.pid || seen.has(child.pid)) continue;
      seen.add(child.pid);
      found.push(child);
    }
  }
  return found.slice(roots.length);
}

/** Sends a signal to a process; one that is gone is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
