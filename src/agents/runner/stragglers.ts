import { readFileSync } from "node:fs";

const INIT = "/app/agent-runner/init";

/**
 * Kills every other process of the container: what an agent took out of its process group must not see the next run. Where the image's
 * own init is not the first process, this is no container of one group, and nothing is killed.
 */
export function killStragglers(): void {
  try {
    const [program] = readFileSync("/proc/1/cmdline", "utf8").split("\0");
    // The kernel spares the first process and the caller.
    if (program === INIT && process.pid !== 1) process.kill(-1, "SIGKILL");
  } catch {
    // There was nobody to kill.
  }
}
