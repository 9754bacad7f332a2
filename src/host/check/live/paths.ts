import { realpathSync, statSync } from "node:fs";
import { hasCode, reasonOf } from "../../../model/errors.ts";
import { known, unknown, type KernelFacts, type Known } from "../../../contract/live/kernel-facts.ts";
import { locate } from "../../../contract/live/mount-tree.ts";
import type { ExpectedMount, PathFacts } from "../../../contract/live/subject.ts";

/** Where engines listen by themselves. */
const usualSockets = [
  "/run/docker.sock",
  "/run/podman/podman.sock",
  "/run/containerd/containerd.sock",
  "/run/crio/crio.sock",
  "/run/buildkit/buildkitd.sock",
  "/run/cri-dockerd.sock",
];

/** Where the declared directories and the engines' sockets really are, and what the container has at its targets. */
export function readPaths(
  kernel: Known<KernelFacts>,
  mounts: readonly ExpectedMount[],
  engineSockets: readonly string[],
  procRoot = "/proc",
): Omit<PathFacts, "real"> {
  if (!kernel.known || !kernel.value.hostMounts.known) return { sources: new Map(), targets: new Map(), engineSockets: [] };
  const hostMounts = kernel.value.hostMounts.value;
  const { init } = kernel.value;
  const sources: [string, ReturnType<PathFacts["sources"]["get"]> & object][] = [];
  const targets: [string, Known<string>][] = [];
  for (const { source, target } of mounts) {
    if (source !== undefined) {
      const path = attempt(source, () => realpathSync(source));
      const identity = path.known ? attempt(source, () => identityOf(path.value)) : path;
      const location = path.known ? locate(hostMounts, path.value) : undefined;
      if (!identity.known) sources.push([source, identity]);
      else if (!location) sources.push([source, unknown(`${source} lies on no mount that the engine sees`)]);
      else sources.push([source, known({ location, identity: identity.value })]);
    }
    targets.push([target, attempt(target, () => identityOf(`${procRoot}/${init}/root${target}`))]);
  }
  const sockets = new Set<string>();
  for (const path of [...usualSockets, ...engineSockets]) {
    const found = attempt(path, () => realpathSync(path));
    if (found.known) sockets.add(found.value);
  }
  return {
    sources: new Map(sources),
    targets: new Map(targets),
    engineSockets: [...sockets].flatMap((path) => {
      const location = locate(hostMounts, path);
      return location ? [{ path, location }] : [];
    }),
  };
}

/** Where paths lead to, links followed; without those that are not there. */
export function realPaths(paths: readonly string[]): Map<string, string> {
  return new Map(
    paths.flatMap((path) => {
      const real = attempt(path, () => realpathSync(path));
      return real.known ? [[path, real.value] as const] : [];
    }),
  );
}

function identityOf(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}:${ino}`;
}

function attempt<T>(path: string, reading: () => T): Known<T> {
  try {
    return known(reading());
  } catch (error) {
    if (hasCode(error, "ENOENT")) return unknown(`${path} is not there`);
    return unknown(`${path} cannot be looked at: ${reasonOf(error)}`);
  }
}
