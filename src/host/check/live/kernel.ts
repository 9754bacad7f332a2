import type { ContainerDescription } from "../../../engine/observation.ts";
import {
  known,
  unknown,
  type KernelFacts,
  type Known,
  type Listener,
  type MountEntry,
} from "../../../contract/live/kernel-facts.ts";
import { readDevices } from "./devices.ts";
import type { Proc } from "./proc.ts";
import { readIDMap, readListeners, readMountInfo, readStat, readStatus, readUnixListeners } from "./proc-text.ts";
import { hostNamespaces, readProcesses } from "./processes.ts";

/**
 * Whether the engine gave the container a user namespace. Where it did not, the first process being in one is that process's own doing: its map of ids,
 * which it writes itself, could make root anybody.
 */
function hasOwnUsers({ namespaces }: ContainerDescription, engineShiftsIDs: boolean): boolean {
  return engineShiftsIDs || !["", "host"].includes(namespaces.user);
}

/** What `/proc` says of a running container; unknown when this `/proc` is not the one that the engine's numbers are of. */
export async function readKernel(
  proc: Proc,
  container: ContainerDescription,
  told: readonly number[],
  engineShiftsIDs: boolean,
): Promise<Known<KernelFacts>> {
  const init = container.pid;
  if (init === null) return unknown("the engine does not tell the container's process");
  const stat = readStat(proc.read(`${init}/stat`) ?? "");
  if (!stat) return unknown(`process ${init} of the container is not in ${proc.root}`);
  // The same number is another process where the engine has a process table of its own.
  if (!(proc.read(`${init}/cgroup`) ?? "").includes(container.id))
    return unknown(`process ${init} in ${proc.root} is not the container's: the engine has a process table of its own`);
  const processes = await readProcesses(proc, init, container.id, told);
  const mapped = hasOwnUsers(container, engineShiftsIDs) ? init : stat.parent;
  const facts: KernelFacts = {
    init,
    processes,
    idMaps: { users: readIDMap(proc.read(`${mapped}/uid_map`) ?? ""), groups: readIDMap(proc.read(`${mapped}/gid_map`) ?? "") },
    hostNamespaces: hostNamespaces(proc, new Map([[init, stat]]), init),
    mounts: readMounts(proc, init),
    otherMounts: otherMounts(proc, init, processes),
    hostMounts: readMounts(proc, stat.parent),
    devices: readDevices(`${proc.root}/${init}/root`) ?? unknown("the container's first process went away"),
    allCapabilities: readStatus(proc.read("1/status") ?? "", 1)?.capabilities.bounding ?? null,
  };
  if (readStat(proc.read(`${init}/stat`) ?? "")?.startedTicks !== stat.startedTicks)
    return unknown("the container's first process went away while it was looked at");
  return known(facts);
}

function readMounts(proc: Proc, pid: number): Known<readonly MountEntry[]> {
  const text = proc.readGuarded(`${pid}/mountinfo`);
  if (!text) return unknown(`process ${pid} went away`);
  return text.known ? known(readMountInfo(text.value)) : text;
}

function otherMounts(proc: Proc, init: number, processes: KernelFacts["processes"]): KernelFacts["otherMounts"] {
  const seen = new Set<string>();
  const own = processes.find(({ pid }) => pid === init)?.namespaces;
  if (own?.known) seen.add(own.value.mnt);
  return processes.flatMap(({ pid, namespaces }) => {
    if (!namespaces.known || seen.has(namespaces.value.mnt)) return [];
    seen.add(namespaces.value.mnt);
    return [{ pid, mounts: readMounts(proc, pid) }];
  });
}

/** The TCP listeners of the network that the engine publishes ports on. */
export function readHostListeners(proc: Proc, container: ContainerDescription): Known<readonly Listener[]> {
  const parent = readStat(proc.read(`${container.pid ?? 0}/stat`) ?? "")?.parent;
  const tables = ["tcp", "tcp6"].map((name) => proc.readGuarded(`${parent ?? "self"}/net/${name}`));
  const [four, six] = tables;
  if (!four?.known) return four ?? unknown("the table of TCP sockets is not there");
  // A kernel without IPv6 has no second table.
  return known([...readListeners(four.value), ...(six?.known ? readListeners(six.value) : [])]);
}

/** Unix sockets by whose names engines listen; both the daemons' and the container runtimes' below them. */
export function readEngineSockets(proc: Proc): string[] {
  const names =
    /\/(docker|podman|containerd|crio|buildkitd|cri-dockerd|dockershim|rootlesskit|nerdctl|lxd|incus)[^/]*\.sock[^/]*$/;
  return readUnixListeners(proc.read("net/unix") ?? "").filter((path) => names.test(path));
}
