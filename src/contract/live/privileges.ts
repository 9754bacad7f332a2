import { quote } from "../../model/errors.ts";
import { capabilityNames, ENGINE_CAPABILITIES } from "./capabilities.ts";
import { nameOf } from "./identity.ts";
import type { KernelFacts, ProcessFacts } from "./kernel-facts.ts";
import { mountAt } from "./mount-tree.ts";
import type { LiveSubject } from "./subject.ts";
import type { Verdicts } from "./verdicts.ts";

/** What every process may do beyond its user: capabilities, new privileges, system calls, devices. */
export function judgePrivileges(subject: LiveSubject, verdicts: Verdicts): void {
  const { kernel, container } = subject;
  if (container.privileged) privileged(verdicts, "the engine was told to make it privileged");
  if (!kernel.known) {
    for (const rule of ["privileged", "capabilities", "no-new-privileges", "sandbox-off", "devices"])
      verdicts.unknown(rule, kernel.reason);
    return;
  }
  const facts = kernel.value;
  judgeCapabilities(subject, facts, verdicts);
  judgeNewPrivileges(subject, facts, verdicts);
  judgeSandbox(subject, facts, verdicts);
  judgeDevices(facts, verdicts);
}

function privileged(verdicts: Verdicts, why: string): void {
  verdicts.broken("privileged", {
    message: `The container is privileged: ${why}.`,
    fix: "Remove `privileged: true` and what gives every capability, then make the container anew.",
  });
}

function judgeCapabilities({ container, expected, service }: LiveSubject, facts: KernelFacts, verdicts: Verdicts): void {
  const { processes, allCapabilities } = facts;
  const own = ownUserNamespace(facts);
  const declared = service?.node.entries.get("cap_add")?.value.at;
  // One that engines give by themselves is lost among theirs in the bounding set, and was asked for all the same.
  if (container.capabilitiesAdded.length > 0) {
    verdicts.broken("capabilities", {
      message: `The engine was told to add ${container.capabilitiesAdded.map((name) => quote(name, 40)).join(", ")}.`,
      fix: "Remove `cap_add`, then make the container anew.",
      at: declared,
    });
  }
  let everything = false;
  for (const process of processes) {
    const sets = process.threads.map((thread) => thread.capabilities);
    const union = (pick: (one: (typeof sets)[number]) => bigint): bigint => sets.reduce((all, one) => all | pick(one), 0n);
    const held = union((one) => one.effective | one.permitted | one.ambient);
    const reachable = union((one) => one.bounding);
    // In a user namespace of its own a process has every capability there, and none over what lies outside.
    const apart = process.namespaces.known && own !== undefined && process.namespaces.value.user !== own;
    if (apart && held !== 0n) {
      verdicts.broken("capabilities", {
        severity: "warning",
        message: `${nameOf(process)} is in a user namespace of its own, with ${capabilityNames(held)} in there.`,
        reason: "Such a process reaches parts of the kernel that containers usually close.",
        fix: "Start the program without its own sandbox of namespaces, or leave the engine's system call filter on.",
      });
      continue;
    }
    if (held !== 0n) {
      verdicts.broken("capabilities", {
        message: `${nameOf(process)} has ${capabilityNames(held)} in effect, permitted or ambient; nothing may.`,
        fix: "Remove `cap_add` and programs with file capabilities or the setuid bit; set `cap_drop: [ALL]`.",
        at: declared,
      });
    }
    const beyond = expected.hardened ? reachable : reachable & ~ENGINE_CAPABILITIES;
    if (beyond !== 0n) {
      verdicts.broken("capabilities", {
        message: `${nameOf(process)} can come to ${capabilityNames(beyond)}: ${beyond === 1n ? "it is" : "these are"} in its bounding set.`,
        fix: expected.hardened
          ? "Remove the container: NovaBot drops every capability."
          : "Remove `cap_add`, then make the container anew.",
        at: declared,
      });
    }
    if (allCapabilities !== null && allCapabilities !== 0n && (reachable & allCapabilities) === allCapabilities)
      everything = true;
  }
  if (everything) privileged(verdicts, "its processes can come to every capability that the kernel has");
  verdicts.kept("privileged");
  const bounding = processes.flatMap(({ threads }) => threads).reduce((all, { capabilities }) => all | capabilities.bounding, 0n);
  verdicts.kept(
    "capabilities",
    bounding === 0n ? "none, and none to come to" : "none in effect; the engine's usual ones in the bounding set",
  );
}

function judgeNewPrivileges({ expected, service }: LiveSubject, { processes }: KernelFacts, verdicts: Verdicts): void {
  const able = processes.filter(({ threads }) => threads.some(({ noNewPrivileges }) => noNewPrivileges === false));
  const silent = processes.some(({ threads }) => threads.some(({ noNewPrivileges }) => noNewPrivileges === null));
  const [first] = able;
  if (first) {
    verdicts.broken("no-new-privileges", {
      ...(expected.hardened ? { severity: "error" } : {}),
      message: `${nameOf(first)}${able.length > 1 ? ` and ${able.length - 1} more` : ""} can gain privileges through setuid programs.`,
      fix: expected.hardened
        ? "Remove the container: NovaBot forbids it in every one that it makes."
        : "Add `security_opt: [no-new-privileges:true]`, then make the container anew.",
      at: service?.at,
    });
  } else if (silent) verdicts.unknown("no-new-privileges", "the kernel does not tell");
  else verdicts.kept("no-new-privileges");
}

function judgeSandbox({ container }: LiveSubject, facts: KernelFacts, verdicts: Verdicts): void {
  const open = facts.processes.filter(({ threads }) => threads.some(({ seccomp }) => seccomp === 0));
  const [first] = open;
  if (first) {
    verdicts.broken("sandbox-off", {
      message: `${nameOf(first)}${open.length > 1 ? ` and ${open.length - 1} more` : ""} may make every system call: no filter is on.`,
      fix: "Remove `seccomp=unconfined` (or `privileged`), then make the container anew.",
    });
  }
  const off = container.securityOptions.filter((option) => /unconfined|label[=:]disable/.test(option));
  if (off.length > 0) {
    verdicts.broken("sandbox-off", {
      message: `The engine was told to leave protections off: ${off.join(", ")}.`,
      fix: "Remove these from `security_opt`, then make the container anew.",
    });
  }
  if (facts.mounts.known) {
    const sys = mountAt(facts.mounts.value, "/proc/sys");
    if (sys?.type === "proc" && !sys.readonly) {
      verdicts.broken("sandbox-off", {
        message: "/proc/sys of the container can be written: the engine's masks over /proc are off.",
        fix: "Remove `systempaths=unconfined` (or `privileged`), then make the container anew.",
      });
    }
  } else verdicts.unknown("sandbox-off", facts.mounts.reason);
  if (facts.processes.some(({ threads }) => threads.some(({ seccomp }) => seccomp === null)))
    verdicts.unknown("sandbox-off", "the kernel does not tell of system call filters");
  verdicts.kept("sandbox-off");
}

function judgeDevices({ devices }: KernelFacts, verdicts: Verdicts): void {
  if (!devices.known) {
    verdicts.unknown("devices", devices.reason);
    return;
  }
  for (const { path, kind, major, minor } of devices.value.slice(0, 10)) {
    verdicts.broken("devices", {
      message: `The container has the ${kind} device ${path} (${major}:${minor}).`,
      fix: "Remove it from `devices`, or the mount that brings it, then make the container anew.",
    });
  }
  if (devices.value.length > 10)
    verdicts.broken("devices", {
      message: `The container has ${devices.value.length - 10} more devices of the host.`,
      fix: "Remove `privileged` or the mount of /dev, then make the container anew.",
    });
  verdicts.kept("devices");
}

function ownUserNamespace(facts: KernelFacts): string | undefined {
  const init: ProcessFacts | undefined = facts.processes.find(({ pid }) => pid === facts.init);
  return init?.namespaces.known ? init.namespaces.value.user : undefined;
}
