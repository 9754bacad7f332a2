import { readFileSync } from "node:fs";

/** The kernel counts a process's time in these. */
const TICK_MS = 10;

/** Milliseconds of processor time that a process has had, in its own code and the kernel's. */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

export interface Memory {
  readonly residentMiB: number;
  /** With what it shares with other processes divided by how many they are. */
  readonly proportionalMiB: number;
  /** The most that was ever resident. */
  readonly peakMiB: number;
}

export function memoryOf(pid: number): Memory {
  const mebibytes = (path: string, field: string): number =>
    Number(new RegExp(`^${field}:\\s*(\\d+) kB`, "m").exec(readFileSync(path, "utf8"))?.[1] ?? Number.NaN) / 1024;
  return {
    residentMiB: mebibytes(`/proc/${pid}/status`, "VmRSS"),
    proportionalMiB: mebibytes(`/proc/${pid}/smaps_rollup`, "Pss"),
    peakMiB: mebibytes(`/proc/${pid}/status`, "VmHWM"),
  };
}
