import { setTimeout as delay } from "node:timers/promises";
import { signalProcess } from "../instances/end-processes.ts";
import { type ProcessEntry, readProcesses } from "../instances/processes.ts";

const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 50;
const STUBBORN_MS = 5000;

/**
 * Ends every process of a session: SIGHUP as from a terminal that went away, SIGKILL to those that are there after `graceMs`. Resolves when none
 * is left, or the kernel does not let go of those that are. Its leader is ended as long as `isLed` even where it has not made the session yet, as a
 * process that was forked a moment ago; a leader that ended may have left its number to somebody else.
 */
export async function hangUp(session: number, graceMs: number, isLed: () => boolean): Promise<void> {
  const deadline = performance.now() + graceMs;
  const told = new Set<number>();
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    const isOf = (one: ProcessEntry): boolean => one.session === session || (one.pid === session && isLed());
    const left = [...readProcesses().values()].filter((one) => one.alive && isOf(one));
    if (left.length === 0) return;
    const now = performance.now();
    const isOver = now >= deadline;
    if (now >= deadline + STUBBORN_MS) return;
    let isInReach = false;
    for (const { pid } of left) {
      if (!isOver && told.has(pid)) isInReach = true;
      else if (signalProcess(pid, isOver ? "SIGKILL" : "SIGHUP")) {
        told.add(pid);
        isInReach = true;
        // A stopped one would not hear it.
        if (!isOver) signalProcess(pid, "SIGCONT");
      }
    }
    // What is left became another user's, whom we may not signal.
    if (!isInReach) return;
    await delay(pauseMs);
  }
}
