import { closeSync, existsSync, openSync, readSync } from "node:fs";

/** An engine removes the group about 50 ms after the container's end, so it is looked at more often than that. */
const LOOK_EVERY_MS = 20;

/** Where a host with cgroups of version 1 has its memory groups; no other host has this file. */
const MEMORY_ROOT = "/sys/fs/cgroup/memory";
const COUNT_FILE = "memory.oom_control";

/**
 * Whether the kernel killed a process of the container for memory, by the kernel's own count: what engines tell of it passes through a process beside
 * the container, which may be late. So the count is read here, 10 µs at a time. On cgroups of version 2 there is no such file, and the engine's word stands
 * alone, as it does where the engine's containers are on another machine.
 */
export interface MemoryKills {
  readonly seen: boolean;
  stop(): void;
}

/** `groups`: where the container's group may be below `root`, as an engine's cgroup managers name it. */
export function watchMemoryKills(groups: readonly string[], root: string = MEMORY_ROOT): MemoryKills {
  if (!existsSync(`${root}/${COUNT_FILE}`)) return { seen: false, stop() {} };
  const files = groups.map((group) => `${root}/${group}/${COUNT_FILE}`);
  const buffer = Buffer.alloc(256);
  let file: number | undefined;
  let seen = false;

  function look(): void {
    try {
      file ??= openFirst(files);
      if (file === undefined) return;
      const length = readSync(file, buffer, 0, buffer.length, 0);
      if (readKills(buffer.toString("latin1", 0, length)) === 0) return;
      seen = true;
      stop();
    } catch {
      // The group is gone, and with it the container.
      stop();
    }
  }
  function stop(): void {
    clearInterval(timer);
    if (file !== undefined) closeSync(file);
    file = undefined;
  }
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  return {
    get seen() {
      return seen;
    },
    stop,
  };
}

function openFirst(files: readonly string[]): number | undefined {
  for (const file of files) {
    try {
      return openSync(file, "r");
    } catch {
      // Not this one, or not yet: the group is made when the container starts.
    }
  }
  return undefined;
}

/** How often the kernel killed a process of a memory cgroup of version 1, from its `memory.oom_control`. */
export function readKills(text: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}
