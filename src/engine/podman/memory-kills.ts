import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { readKills } from "./response.ts";

/** Podman removes the group about 50 ms after the container's end, so it is looked at more often than that. */
const LOOK_EVERY_MS = 20;

/** Where a host with cgroups of version 1 has its memory groups; no other host has this file. */
const MEMORY_ROOT = "/sys/fs/cgroup/memory";
const COUNT_FILE = "memory.oom_control";

/**
 * Whether the kernel killed a process of the container for memory. Conmon is told of that by the kernel before the kill is
 * counted, reads a count of 0 and says nothing (2.1 on cgroups of version 1): so the count is read here, 10 µs at a time.
 * On cgroups of version 2 there is no such file, and Podman itself knows.
 */
export interface MemoryKills {
  readonly seen: boolean;
  stop(): void;
}

export function watchMemoryKills(id: string, root: string = MEMORY_ROOT): MemoryKills {
  if (!existsSync(`${root}/${COUNT_FILE}`)) return { seen: false, stop() {} };
  // Podman's two cgroup managers name a container's group differently.
  const files = [`${root}/libpod_parent/libpod-${id}/${COUNT_FILE}`, `${root}/machine.slice/libpod-${id}.scope/${COUNT_FILE}`];
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
