import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Ran {
  readonly ms: number;
  /** The most memory it ever had resident; looked at every millisecond, so that a short life's last moment may be missed. */
  readonly peakKiB: number;
}

/** Runs a program to its end, whatever its exit status, and throws its output away. */
export async function runProcess(argv: readonly string[], environment: Readonly<Record<string, string>>): Promise<Ran> {
  const [file = "", ...args] = argv;
  const began = performance.now();
  const child = spawn(file, args, { env: { ...environment }, stdio: "ignore" });
  let peakKiB = 0;
  const look = setInterval(() => {
    peakKiB = Math.max(peakKiB, highWater(child.pid));
  }, 1);
  try {
    await new Promise<void>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", () => resolve());
    });
  } finally {
    clearInterval(look);
  }
  return { ms: performance.now() - began, peakKiB };
}

function highWater(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    // It has ended.
    return 0;
  }
}
