import { setTimeout as sleep } from "node:timers/promises";
import {
  known,
  namespaceKinds,
  type Known,
  type NamespaceKind,
  type ProcessFacts,
  type ThreadFacts,
} from "../../../contract/live/kernel-facts.ts";
import type { Proc } from "./proc.ts";
import { readStat, readStatus, type ProcessStat } from "./proc-text.ts";

/** A process in the table of all, with what tells whose it is. */
interface Entry extends ProcessStat {
  readonly pid: number;
  readonly cgroup: string;
  readonly pidNamespace: string | undefined;
  readonly mountNamespace: string | undefined;
}

/** How long the engine's runtime needs at most to become the program that it starts in a container. */
const ENTERING_MS = 200;

/**
 * The processes of a container: those that the engine names, those in its control groups, those in its process or mount namespace, and the
 * children of all of them. No name, no argument and no program of the container's own takes part, so that none can hide: leaving one of the marks
 * behind leaves the others. Read twice, because a process may start another while the table is read.
 */
export async function readProcesses(proc: Proc, init: number, id: string, told: readonly number[]): Promise<ProcessFacts[]> {
  const found = new Map<number, Seen>();
  const look = (): void => {
    for (const entry of membersOf(readTable(proc), proc, init, id, told)) {
      if (found.get(entry.pid)?.entry.startedTicks === entry.startedTicks) continue;
      const facts = readProcess(proc, entry);
      if (facts) found.set(entry.pid, { entry, facts });
    }
  };
  look();
  look();
  // What enters from outside (a health check, an exec) is the engine's runtime and root for a moment, until it is what it was asked to start.
  const entering = [...found.values()].filter(
    ({ entry, facts }) => entry.pid !== init && !found.has(entry.parent) && facts.threads.some(isPowerful),
  );
  if (entering.length > 0) {
    await sleep(ENTERING_MS);
    for (const { entry } of entering) {
      const later = readProcess(proc, entry);
      if (later) found.set(entry.pid, { entry, facts: later });
      else found.delete(entry.pid);
    }
  }
  return [...found.values()].map(({ facts }) => facts).toSorted((a, b) => a.pid - b.pid);
}

interface Seen {
  readonly entry: Entry;
  readonly facts: ProcessFacts;
}

function isPowerful({ users, capabilities }: ThreadFacts): boolean {
  return users.effective === 0 || users.real === 0 || capabilities.effective !== 0n || capabilities.permitted !== 0n;
}

function readTable(proc: Proc): Map<number, Entry> {
  const table = new Map<number, Entry>();
  for (const pid of proc.numbers("")) {
    const stat = readStat(proc.read(`${pid}/stat`) ?? "");
    // A zombie is the memory of a process: it can do nothing any more.
    if (!stat || stat.state === "Z" || stat.state === "X") continue;
    const namespace = (kind: NamespaceKind): string | undefined => {
      const link = proc.link(`${pid}/ns/${kind}`);
      return link?.known ? link.value : undefined;
    };
    const cgroup = proc.read(`${pid}/cgroup`) ?? "";
    table.set(pid, { ...stat, pid, cgroup, pidNamespace: namespace("pid"), mountNamespace: namespace("mnt") });
  }
  return table;
}

function membersOf(table: ReadonlyMap<number, Entry>, proc: Proc, init: number, id: string, told: readonly number[]): Entry[] {
  const first = table.get(init);
  const hosts = hostNamespaces(proc, table, init);
  const own = (namespace: string | undefined, kind: NamespaceKind): string | undefined =>
    namespace !== undefined && !hosts[kind]?.includes(namespace) ? namespace : undefined;
  const pidNamespace = own(first?.pidNamespace, "pid");
  const mountNamespace = own(first?.mountNamespace, "mnt");
  const isMarked = (entry: Entry): boolean =>
    told.includes(entry.pid) ||
    entry.pid === init ||
    isInGroupOf(entry.cgroup, id) ||
    (pidNamespace !== undefined && entry.pidNamespace === pidNamespace) ||
    (mountNamespace !== undefined && entry.mountNamespace === mountNamespace);
  // The engine's own processes around a container (a monitor, a shim) may lie in groups that are named after it.
  const above = ancestorsOf(table, init);
  const members = new Set([...table.values()].filter((entry) => isMarked(entry) && !above.has(entry.pid)).map(({ pid }) => pid));
  for (const { pid } of table.values()) {
    const line: number[] = [];
    for (let at: Entry | undefined = table.get(pid); at && line.length < table.size; at = table.get(at.parent)) {
      if (members.has(at.pid)) {
        for (const child of line) members.add(child);
        break;
      }
      line.push(at.pid);
    }
  }
  return [...members].flatMap((pid) => table.get(pid) ?? []);
}

/** Engines name a container's group by its id, with a word before it; what watches over a container has one of its own, `libpod-conmon-<id>`. */
function isInGroupOf(cgroup: string, id: string): boolean {
  return cgroup
    .split("\n")
    .flatMap((line) => line.split(":").slice(2).join(":").split("/"))
    .some((group) => group.includes(id) && !group.includes("conmon"));
}

function ancestorsOf(table: ReadonlyMap<number, Entry>, pid: number): Set<number> {
  const above = new Set<number>();
  for (let at = table.get(table.get(pid)?.parent ?? 0); at && !above.has(at.pid); at = table.get(at.parent)) above.add(at.pid);
  return above;
}

/** The namespaces of process 1, of this process, and of the one above the container, which is the engine's: a daemon may have some of its own. */
export function hostNamespaces(
  proc: Proc,
  table: ReadonlyMap<number, { readonly parent: number }>,
  init: number,
): Partial<Record<NamespaceKind, readonly string[]>> {
  const hosts = ["1", "self", String(table.get(init)?.parent ?? 1)];
  return Object.fromEntries(
    namespaceKinds.map((kind) => [
      kind,
      hosts.flatMap((pid) => {
        const link = proc.link(`${pid}/ns/${kind}`);
        return link?.known ? [link.value] : [];
      }),
    ]),
  );
}

/** Undefined when it went away, or when its number is another process's now. */
function readProcess(proc: Proc, entry: Entry): ProcessFacts | undefined {
  const { pid, parent, name } = entry;
  const threads: ThreadFacts[] = proc.numbers(`${pid}/task`).flatMap((tid) => {
    return readStatus(proc.read(`${pid}/task/${tid}/status`) ?? "", tid) ?? [];
  });
  const namespaces = readNamespaces(proc, pid);
  if (readStat(proc.read(`${pid}/stat`) ?? "")?.startedTicks !== entry.startedTicks) return undefined;
  if (threads.length === 0 || !namespaces) return undefined;
  return { pid, parent, name, threads, namespaces };
}

function readNamespaces(proc: Proc, pid: number): Known<Record<NamespaceKind, string>> | undefined {
  const found: Partial<Record<NamespaceKind, string>> = {};
  for (const kind of namespaceKinds) {
    const link = proc.link(`${pid}/ns/${kind}`);
    if (!link?.known) return link;
    found[kind] = link.value;
  }
  return known(found as Record<NamespaceKind, string>);
}
