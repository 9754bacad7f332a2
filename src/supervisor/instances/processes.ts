import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from "node:fs";

// What the kernel says of processes, from /proc. Read at once and not through the thread pool: a whole look takes about a millisecond, and what is
// found is to be signalled before its number can mean another process.

/** A process, told from a later one of the same number by its start. */
export interface ProcessID {
  readonly pid: number;
  /** Clock ticks since the kernel's boot. */
  readonly startTicks: number;
}

export interface ProcessEntry extends ProcessID {
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Not a zombie. */
  readonly alive: boolean;
}

const statBytes = Buffer.allocUnsafe(4096);

/** What the kernel's line on a process says from the state on; null when there is no such process any more. */
function readFields(pid: number): string[] | null {
  let length: number;
  try {
    const file = openSync(`/proc/${pid}/stat`, "r");
    try {
      length = readSync(file, statBytes, 0, statBytes.length, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
  // The name in parentheses may hold anything, also parentheses and spaces.
  const text = statBytes.toString("latin1", 0, length);
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Null when there is no such process any more. */
export function readProcess(pid: number): ProcessEntry | null {
  const fields = readFields(pid);
  if (fields === null) return null;
  const state = fields[0];
  // Of a process whose first thread ended before others the kernel says zombie, too.
  const alive = (state !== "Z" && state !== "X") || Number(fields[17]) > 1;
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTicks: Number(fields[19]),
    alive,
  };
}

/** A thread of the kernel, or a process that is ending. */
const KERNEL_THREAD = 0x0020_0000;
const ENDING = 0x4;

/** Whether a process is just exchanging its program for another: it has no environment then, neither the old nor the new one. */
function isBetweenPrograms(pid: number): boolean {
  const fields = readFields(pid);
  return fields !== null && fields[48] === "0" && (Number(fields[6]) & (KERNEL_THREAD | ENDING)) === 0;
}

/** Numbers of processes, both ends included. */
export interface PIDRange {
  readonly least: number;
  readonly most: number;
}

/** So few numbers are asked for one by one; beyond that, reading the whole directory costs less. */
const FEW = 64;

/** All processes of this container with numbers in the range, zombies too. */
export function readProcesses(range: PIDRange = { least: 1, most: Number.MAX_SAFE_INTEGER }): Map<number, ProcessEntry> {
  const entries = new Map<number, ProcessEntry>();
  for (const pid of numbersIn(range)) {
    const entry = readProcess(pid);
    if (entry !== null) entries.set(pid, entry);
  }
  return entries;
}

function numbersIn({ least, most }: PIDRange): number[] {
  if (most - least < FEW) {
    const numbers = Array.from({ length: Math.max(0, most - least + 1) }, (_, index) => least + index);
    return numbers.filter((pid) => existsSync(`/proc/${pid}`) && !isThread(pid));
  }
  const numbers: number[] = [];
  for (const name of readdirSync("/proc")) {
    const first = name.charCodeAt(0);
    if (first < 0x30 || first > 0x39) continue;
    const pid = Number(name);
    if (pid >= least && pid <= most) numbers.push(pid);
  }
  return numbers;
}

/** Threads are there by their numbers, too, though the directory does not list them. */
function isThread(pid: number): boolean {
  try {
    return Number(/^Tgid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) !== pid;
  } catch {
    return false;
  }
}

/** Numbers that may be in use when new ones are given, and are passed over. */
const USED_NUMBERS = 4096;

/** How many processes and threads the kernel has started since its boot; 0 where it does not say. */
export function startedEver(): number {
  try {
    return Number(/^processes (\d+)$/m.exec(readFileSync("/proc/stat", "latin1"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** The number that was given last in this container; 0 where the kernel does not say. */
export function lastPID(): number {
  try {
    return Number(readFileSync("/proc/loadavg", "latin1").trim().split(" ").at(-1));
  } catch {
    return 0;
  }
}

/**
 * The numbers that processes can have which were started after `pid`, itself included, when `startedBefore` had ever been started before that one.
 * Numbers are given upwards, so there is no need to look at others as long as they cannot have begun anew. Undefined: any.
 */
export function laterPIDs(pid: number, startedBefore: number): PIDRange | undefined {
  const since = startedEver() - startedBefore;
  const most = lastPID();
  // It has to have counted `pid` itself, or it counts nothing here.
  const isKnown = startedBefore > 0 && since > 0 && pid + since + USED_NUMBERS < largestPID() && most >= pid;
  return isKnown ? { least: pid, most } : undefined;
}

let largestKnown: number | null = null;

function largestPID(): number {
  try {
    largestKnown ??= Number(readFileSync("/proc/sys/kernel/pid_max", "latin1"));
  } catch {
    largestKnown = 0;
  }
  return largestKnown;
}

/** An empty environment is looked at so often before it is believed, and so much more often, a millisecond apart, between two programs. */
const LOOKS = 6;
const PATIENT_LOOKS = 12;
const never = new Int32Array(new SharedArrayBuffer(4));

/** The value of a variable in the environment that a process was started with; null when it has none or does not let us look. */
export function variableOf(pid: number, name: string): string | null {
  for (let looks = 1; ; looks += 1) {
    let environment: Buffer;
    try {
      environment = readFileSync(`/proc/${pid}/environ`);
    } catch {
      return null;
    }
    if (environment.length > 0) return variableIn(environment, name);
    if (looks === PATIENT_LOOKS) return null;
    if (isBetweenPrograms(pid)) Atomics.wait(never, 0, 0, 1);
    else if (looks >= LOOKS) return null;
  }
}

function variableIn(environment: Buffer, name: string): string | null {
  const needle = Buffer.from(`${name}=`);
  for (let at = environment.indexOf(needle); at !== -1; at = environment.indexOf(needle, at + 1)) {
    if (at > 0 && environment[at - 1] !== 0) continue;
    const end = environment.indexOf(0, at);
    return environment.toString("utf8", at + needle.length, end === -1 ? environment.length : end);
  }
  return null;
}

/** What tells one open file from every other: device and inode. */
export function fileKey(stats: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${stats.dev}:${stats.ino}`;
}

/** Whether a process holds one of these files or sockets (`socket:[INODE]`) open. */
export function holdsOpen(pid: number, files: ReadonlySet<string>, sockets: ReadonlySet<string>): boolean {
  const directory = `/proc/${pid}/fd`;
  let descriptors: string[];
  try {
    descriptors = readdirSync(directory);
  } catch {
    return false;
  }
  return descriptors.some((descriptor) => {
    const path = `${directory}/${descriptor}`;
    try {
      const target = readlinkSync(path);
      if (target.startsWith("socket:")) return sockets.has(target);
      if (files.size === 0 || target.startsWith("anon_inode:")) return false;
      const stats = statSync(path, { bigint: true });
      return stats.isFIFO() && files.has(fileKey(stats));
    } catch {
      return false;
    }
  });
}

/** The sockets (`socket:[INODE]`) that listen on a TCP port in this network namespace. */
export function listeningSockets(port: number): Set<string> {
  const sockets = new Set<string>();
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const table of ["tcp", "tcp6"]) {
    let text: string;
    try {
      text = readFileSync(`/proc/self/net/${table}`, "latin1");
    } catch {
      continue;
    }
    for (const line of text.split("\n")) {
      const fields = line.trim().split(/\s+/);
      if (fields[3] === "0A" && fields[1]?.endsWith(wanted) === true) sockets.add(`socket:[${fields[9]}]`);
    }
  }
  return sockets;
}
