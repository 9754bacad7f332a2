import { performance } from "node:perf_hooks";
import { hasCode } from "../../model/errors.ts";
import type { Grace } from "./grace.ts";
import type { ProcessEntry, ProcessID } from "./processes.ts";

/** Looking again after a signal: soon at first, since most processes end at once. */
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 25;
/** Looking for further ones while all that were found are held still. */
const FREEZE_ROUNDS = 50;
/** A process that the kernel does not let go of is told of after so long. */
const STUBBORN_MS = 5_000;

export interface Ended {
  /** Processes of another user, which we may not signal. */
  readonly beyondReach: readonly number[];
}

/**
 * Ends all that `find` gives: SIGTERM to each once that was not told already, and what is still there when the grace is over is held still, so that none can start another
 * unseen, and killed. Resolves when nothing is left; `stubborn` hears of processes that outlive even that, and the wait goes on.
 */
export async function endProcesses(
  find: () => readonly ProcessEntry[],
  grace: Grace,
  stubborn: (pids: readonly number[]) => void,
  isTold: (one: ProcessEntry) => boolean,
): Promise<Ended> {
  const told = new Set<string>();
  const beyond = new Map<string, number>();
  const within = (): readonly ProcessEntry[] => find().filter((one) => !beyond.has(keyOf(one)));
  const send = (one: ProcessID, signal: "SIGTERM" | "SIGSTOP" | "SIGKILL"): void => {
    if (!signalProcess(one.pid, signal)) beyond.set(keyOf(one), one.pid);
  };

  let killingSinceMs: number | null = null;
  let isStubbornTold = false;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    const left = within();
    if (left.length === 0) return { beyondReach: [...beyond.values()] };
    if (grace.isOver) {
      if (killingSinceMs === null) {
        killingSinceMs = performance.now();
        pauseMs = FIRST_PAUSE_MS;
      }
      for (const one of freeze(within, send)) send(one, "SIGKILL");
      if (!isStubbornTold && performance.now() - killingSinceMs > STUBBORN_MS) {
        isStubbornTold = true;
        stubborn(left.map((one) => one.pid));
      }
    } else {
      for (const one of left) {
        if (isTold(one) || told.has(keyOf(one))) continue;
        told.add(keyOf(one));
        send(one, "SIGTERM");
      }
    }
    await grace.pause(pauseMs);
  }
}

function freeze(find: () => readonly ProcessID[], send: (one: ProcessID, signal: "SIGSTOP") => void): readonly ProcessID[] {
  const frozen = new Set<string>();
  for (let round = 0; ; round += 1) {
    const all = find();
    const further = all.filter((one) => !frozen.has(keyOf(one)));
    if (further.length === 0 || round === FREEZE_ROUNDS) return all;
    for (const one of further) {
      frozen.add(keyOf(one));
      send(one, "SIGSTOP");
    }
  }
}

function keyOf({ pid, startTicks }: ProcessID): string {
  return `${pid}@${startTicks}`;
}

/** Signals a process, or a whole group when `pid` is negative. False when it belongs to somebody else. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
  } catch (thrown) {
    if (hasCode(thrown, "EPERM")) return false;
    if (!hasCode(thrown, "ESRCH")) throw thrown;
  }
  return true;
}
