import { quote } from "../../model/errors.ts";
import type { KernelFacts, MountEntry } from "./kernel-facts.ts";
import { holds, isBelow, mountAt, mountsBelow, type Location } from "./mount-tree.ts";
import type { ExpectedMount, LiveSubject } from "./subject.ts";
import type { Verdicts } from "./verdicts.ts";

const again = "Mend the Compose file if it is wrong, then make the container anew (`novabot modules up`).";

/** What is mounted, as the container's own processes have it. */
export function judgeMounts(subject: LiveSubject, verdicts: Verdicts): void {
  const { kernel, expected, container } = subject;
  const mounts = kernel.known ? kernel.value.mounts : kernel;
  if (!kernel.known || !mounts.known) {
    const reason = mounts.known ? "the kernel's table cannot be read" : mounts.reason;
    for (const rule of ["mounts", "mounts-read-only", "engine-socket", "host-paths"]) verdicts.unknown(rule, reason);
    return;
  }
  const views = [
    { mounts: mounts.value, who: "" },
    ...kernel.value.otherMounts.flatMap((other) =>
      other.mounts.known
        ? [{ mounts: other.mounts.value, who: ` of process ${other.pid}, in a mount namespace of its own` }]
        : [],
    ),
  ];
  for (const other of kernel.value.otherMounts) if (!other.mounts.known) verdicts.unknown("mounts", other.mounts.reason);
  for (const view of views) {
    for (const mount of expected.mounts) judgeExpected(subject, view.mounts, mount, view.who, verdicts);
    judgeSockets(subject, view.mounts, view.who, verdicts);
  }
  judgeUnknownMounts(subject, kernel.value, mounts.value, verdicts);
  const wanted = expected.mounts.length;
  const readonly = expected.mounts.filter((mount) => mount.readonly).length;
  if (wanted > 0) verdicts.kept("mounts", `${wanted} of ${wanted}`);
  else verdicts.notApplicable("mounts");
  if (readonly > 0) verdicts.kept("mounts-read-only", `${readonly} of ${readonly}`);
  else verdicts.notApplicable("mounts-read-only");
  verdicts.kept("engine-socket", `${container.mounts.length} mounts`);
  verdicts.kept("host-paths");
}

function judgeExpected(
  subject: LiveSubject,
  mounts: readonly MountEntry[],
  expected: ExpectedMount,
  who: string,
  verdicts: Verdicts,
): void {
  const { target, at } = expected;
  const mount = mountAt(mounts, target);
  if (mount?.target !== target) {
    const hidden = mounts.some((other) => other.target === target);
    verdicts.broken("mounts", {
      message: hidden
        ? `What is mounted at ${target} is hidden by what was mounted over ${mount?.target ?? "it"}${who}.`
        : `Nothing is mounted at ${target}${who}: what is written there is gone with the container.`,
      fix: again,
      at,
    });
    return;
  }
  judgeSource(subject, mount, expected, who, verdicts);
  if (!expected.readonly) {
    if (mount.readonly)
      verdicts.broken("mounts", { message: `${target} is mounted read-only${who}, and must be writable.`, fix: again, at });
    return;
  }
  if (!mount.readonly) {
    verdicts.broken("mounts-read-only", {
      message: `${target} can be written${who}: it is mounted rw.`,
      fix: "Write its mode as `ro`, with no other mount over it, then make the container anew.",
      at,
    });
  }
  // What is declared to be writable in there is judged by itself: main's home is a read-only frame with writable parts.
  const declared = new Set(subject.expected.mounts.filter((other) => !other.readonly).map((other) => other.target));
  for (const below of mountsBelow(mounts, target).filter((other) => !other.readonly && !declared.has(other.target))) {
    verdicts.broken("mounts-read-only", {
      message: `${below.target} lies in ${target} and is mounted rw${who}.`,
      fix: "Remove that mount, then make the container anew.",
      at,
    });
  }
  const place: Location = { device: mount.device, root: mount.root };
  const others = mounts.filter((other) => !other.readonly && !isBelow(other.target, target) && isReached(mounts, other, place));
  for (const other of others) {
    verdicts.broken("mounts-read-only", {
      message: `The directory at ${target} is also mounted at ${other.target}${who}, and can be written there.`,
      reason: "Read-only is a property of a mount, not of the directory: each of its mounts must be read-only.",
      fix: `Remove the mount at ${other.target}, or make it read-only.`,
      at,
    });
  }
}

/** Whether `place`, or a part of it, can be reached through `mount`, and no other mount lies over it on the way. */
function isReached(mounts: readonly MountEntry[], mount: MountEntry, place: Location): boolean {
  if (holds(place, mount)) return mountAt(mounts, mount.target)?.id === mount.id;
  if (!holds(mount, place)) return false;
  const rest = mount.root === "/" ? place.root : place.root.slice(mount.root.length);
  return mountAt(mounts, `${mount.target === "/" ? "" : mount.target}${rest}`)?.id === mount.id;
}

/** The file system and the directory in it are compared, and then the directory's own device and inode. */
function judgeSource(subject: LiveSubject, mount: MountEntry, expected: ExpectedMount, who: string, verdicts: Verdicts): void {
  const { source, target, at } = expected;
  if (source === undefined) return;
  const found = subject.paths.sources.get(source);
  if (!found?.known) {
    verdicts.unknown("mounts", found?.reason ?? `${source} was not looked at`);
    return;
  }
  const { location, identity } = found.value;
  const inside = subject.paths.targets.get(target);
  const isThere = mount.device === location.device && mount.root === location.root;
  if (isThere && (!inside?.known || inside.value === identity || who !== "")) {
    if (!inside?.known && who === "") verdicts.unknown("mounts", inside?.reason ?? `${target} was not looked at`);
    return;
  }
  const gone = mount.root.endsWith("//deleted");
  verdicts.broken("mounts", {
    message: gone
      ? `${target} is a directory that was deleted on the host${who}: ${quote(source, 300)} is another one now.`
      : `${target} is not ${quote(source, 300)}${who}: what is mounted is ${quote(mount.root, 300)} of the file system ${mount.device}.`,
    fix: gone ? "Make the container anew." : again,
    at,
  });
}

function judgeSockets({ paths }: LiveSubject, mounts: readonly MountEntry[], who: string, verdicts: Verdicts): void {
  for (const { path, location } of paths.engineSockets) {
    const mount = mounts.find((one) => holds(one, location));
    if (!mount) continue;
    verdicts.broken("engine-socket", {
      message: `The engine's socket ${path} can be reached in the container: ${mount.target}${who} ${
        mount.root === location.root ? "is that socket" : "holds it"
      }.`,
      fix: `Remove the mount at ${mount.target}, then make the container anew.`,
    });
  }
}

/** Directories of the host from which the whole host can be had. */
const systemPaths = [
  "/",
  "/etc",
  "/root",
  "/home",
  "/boot",
  "/usr",
  "/bin",
  "/sbin",
  "/lib",
  "/lib64",
  "/var",
  "/var/lib",
  "/var/run",
  "/run",
  "/dev",
  "/proc",
  "/sys",
];

/** Mounts that engines and their runtimes make in every container. */
const runtimes =
  /^\/(proc|sys|dev)(\/|$)|^\/etc\/(hosts|hostname|resolv\.conf|mtab)$|^\/run\/(\.containerenv|secrets|podman-init)$|^(\/usr)?\/sbin\/docker-init$|^\/$/;

function judgeUnknownMounts(subject: LiveSubject, kernel: KernelFacts, mounts: readonly MountEntry[], verdicts: Verdicts): void {
  const { container, expected } = subject;
  const told = [...container.mounts.map(({ target }) => target), ...expected.mounts.map(({ target }) => target)];
  for (const mount of mounts) {
    if (runtimes.test(mount.target) || told.some((target) => isBelow(mount.target, target))) continue;
    verdicts.broken("drift", {
      message: `${quote(mount.target, 300)} is mounted in the container, and its engine does not know of it.`,
      reason: "It was mounted from outside after the container was made.",
      fix: "Find out who mounted it, then make the container anew.",
    });
  }
  if (expected.mountsOnly) {
    for (const mount of container.mounts) {
      if (expected.mounts.some(({ target }) => target === mount.target)) continue;
      verdicts.broken("mounts", {
        message: `${quote(mount.target, 300)} is mounted, which is no part of the plan.`,
        fix: "Remove the container; NovaBot makes another.",
      });
    }
  }
  const hostMounts = kernel.hostMounts;
  if (!hostMounts.known) {
    verdicts.unknown("host-paths", hostMounts.reason);
    return;
  }
  const system = systemPaths.flatMap((path) => {
    const mount = mountAt(hostMounts.value, path);
    if (!mount) return [];
    const rest = path === mount.target ? "" : path.slice(mount.target === "/" ? 0 : mount.target.length);
    const root = `${mount.root === "/" ? "" : mount.root}${rest === "/" ? "" : rest}` || "/";
    return [{ path, device: mount.device, root }];
  });
  for (const mount of mounts) {
    if (runtimes.test(mount.target)) continue;
    const found = system.find(({ device, root }) => device === mount.device && root === mount.root);
    // A temporary file system of the container's own has a device of its own.
    if (!found) continue;
    verdicts.broken("host-paths", {
      message: `The host's ${found.path} is mounted at ${quote(mount.target, 300)}.`,
      fix: "Mount the one directory that the service needs instead.",
    });
  }
}
