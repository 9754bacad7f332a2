import { quote } from "../../model/errors.ts";
import { insideID, type IdRange, type Ids, type KernelFacts, type ProcessFacts, type ThreadFacts } from "./kernel-facts.ts";
import type { LiveSubject } from "./subject.ts";
import type { Verdicts } from "./verdicts.ts";

/** Who every thread of every process is, as the kernel has it: not who the engine was told to start. */
export function judgeIdentity(subject: LiveSubject, verdicts: Verdicts): void {
  const { kernel, expected, service } = subject;
  if (!kernel.known) {
    for (const rule of ["user", "root-group"]) verdicts.unknown(rule, kernel.reason);
    return;
  }
  const { processes, idMaps } = kernel.value;
  const ids = expected.user ?? { uid: undefined, gid: undefined };
  const at = service?.user?.at ?? service?.at;
  const demand = expected.user ? `it must be ${expected.user.uid}:${expected.user.gid}` : "it must not be root";
  for (const process of processes) {
    const who = process.threads.map((thread) => ({ thread, ...idsOf(thread, idMaps) }));
    const isWrong = ({ users, groups }: InsideIDs): boolean =>
      users.some((uid) => !isAllowed(uid, ids.uid)) || groups.some((gid) => !isAllowed(gid, ids.gid));
    const worst = who.find(isWrong);
    const wrong = worst
      ? [
          ...worst.users
            .filter((uid) => !isAllowed(uid, ids.uid))
            .slice(0, 1)
            .map((uid) => `user ${tell(uid)}`),
          ...worst.groups
            .filter((gid) => !isAllowed(gid, ids.gid))
            .slice(0, 1)
            .map((gid) => `group ${tell(gid)}`),
        ]
      : [];
    if (worst) {
      verdicts.broken("user", {
        message: `${nameOf(process)} runs as ${wrong.join(" and ")} (${describe(worst.thread, idMaps)}); ${demand}.`,
        reason: startedLater(process, kernel.value)
          ? "The container's own configuration does not show this: the process was started in it, or changed its user, later."
          : "This is what the kernel says of the process, whatever the container was configured as.",
        fix: "Find out what started it (a setuid program, `exec -u`, an entrypoint), take that away, and make the container anew.",
        at,
      });
    }
    const inRoot = who.find(({ groups, supplementary }) => [...groups, ...supplementary].includes(0));
    if (inRoot) {
      verdicts.broken("root-group", {
        message: `${nameOf(process)} belongs to root's group (${describe(inRoot.thread, idMaps)}).`,
        fix: "Give the container a numeric group (`user: UID:GID`) and no `group_add` of 0.",
        at,
      });
    }
  }
  const threads = processes.reduce((sum, process) => sum + process.threads.length, 0);
  const counted = `${count(processes.length, "process", "processes")}, ${count(threads, "thread", "threads")}`;
  verdicts.kept("user", `${expected.user ? `${expected.user.uid}:${expected.user.gid}` : "not root"} in ${counted}`);
  verdicts.kept("root-group", counted);
}

interface InsideIDs {
  readonly users: readonly (number | undefined)[];
  readonly groups: readonly (number | undefined)[];
  readonly supplementary: readonly (number | undefined)[];
}

function idsOf(thread: ThreadFacts, maps: KernelFacts["idMaps"]): InsideIDs {
  const all = ({ real, effective, saved, fileSystem }: Ids, map: readonly IdRange[]): (number | undefined)[] =>
    [real, effective, saved, fileSystem].map((id) => insideID(id, map));
  return {
    users: all(thread.users, maps.users),
    groups: all(thread.groups, maps.groups),
    supplementary: thread.supplementary.map((id) => insideID(id, maps.groups)),
  };
}

/** An id that the container's user namespace does not have comes from outside: nothing that was declared. */
function isAllowed(id: number | undefined, demanded: number | undefined): boolean {
  return id !== undefined && (demanded === undefined ? id !== 0 : id === demanded);
}

function tell(id: number | undefined): string {
  return id === undefined ? "of the host that the container does not have" : String(id);
}

function startedLater(process: ProcessFacts, kernel: KernelFacts): boolean {
  return process.pid !== kernel.init;
}

/** `uid real 1001, effective 0, saved 0, file system 0; gid 1001; groups 33`. */
function describe(odd: ThreadFacts, maps: KernelFacts["idMaps"]): string {
  const told = ({ real, effective, saved, fileSystem }: Ids, map: readonly IdRange[]): string =>
    spread({ real, effective, saved, fileSystem })
      ? `real ${tell(insideID(real, map))}, effective ${tell(insideID(effective, map))}, saved ${tell(insideID(saved, map))}, ` +
        `file system ${tell(insideID(fileSystem, map))}`
      : tell(insideID(real, map));
  const others = odd.supplementary.map((id) => tell(insideID(id, maps.groups)));
  return `uid ${told(odd.users, maps.users)}; gid ${told(odd.groups, maps.groups)}${others.length > 0 ? `; groups ${others.join(", ")}` : ""}`;
}

function spread({ real, effective, saved, fileSystem }: Ids): boolean {
  return real !== effective || effective !== saved || saved !== fileSystem;
}

/** The number is the kernel's; the name is what the process calls itself. */
export function nameOf({ pid, name }: Pick<ProcessFacts, "pid" | "name">): string {
  return `Process ${pid} ${quote(name, 40)}`;
}

export function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
