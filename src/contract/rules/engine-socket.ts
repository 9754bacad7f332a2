import { quote } from "../../model/errors.ts";
import { withNothingSet } from "./written.ts";
import { contains, mountedIn, type Mounted } from "./mounted.ts";
import type { PaperRule, ServiceSubject } from "./paper-rule.ts";
import { isOn, under } from "./values.ts";

/** Where engines listen, and where they keep what is as good as listening: images and the root file systems of every container. */
const enginePaths: readonly string[] = [
  "/run/docker.sock",
  "/run/docker",
  "/run/podman/podman.sock",
  "/run/containerd/containerd.sock",
  "/run/docker/containerd/containerd.sock",
  "/run/crio/crio.sock",
  "/run/k3s/containerd/containerd.sock",
  "/run/buildkit/buildkitd.sock",
  "/run/balena-engine.sock",
  "/run/user/1000/docker.sock",
  "/run/user/1000/podman/podman.sock",
  "/run/snap.docker/docker.sock",
  "/var/lib/docker",
  "/var/lib/containers",
  "/var/lib/containerd",
  "/var/snap/docker",
  // Others that give root to whoever may ask.
  "/run/incus",
  "/var/lib/incus",
  "/var/lib/lxd",
  "/var/snap/lxd",
  "/run/libvirt",
];
const socketNames =
  /(?:^|[/\\])(?:docker|podman|containerd|crio|buildkitd|balena(?:-engine)?|docker\.raw|docker\.proxy|docker-cli)\.sock$|(?:^|\/)docker\.sock\.\w+$|docker_engine|(?:^|\/)(?:containerd|dockershim|cri-dockerd)\.sock/i;
/** Sockets of engines that run as a user lie below the user's home. */
const userSockets = /\/\.(?:docker|colima|rd|orbstack|lima)(?:\/|$)|^\/run\/user\/\d+(?:\/(?:docker\.sock|podman(?:\/.*)?))?$/;

export const engineSocketRule: PaperRule = {
  id: "engine-socket",
  scope: "service",
  check(subject, tell) {
    const { service, project, facts } = subject;
    for (const one of mountedIn(project, service, facts)) {
      const reached = reachedThrough(subject, one);
      if (reached === undefined) continue;
      const from = one.named ?? one.target;
      tell({
        message:
          reached === from
            ? `${quote(from)} of a container engine is mounted`
            : `${quote(from)} is mounted, and with it ${quote(reached)} of a container engine`,
        ...(one.readonly ? { reason: "A socket that is mounted read-only takes every request all the same." } : {}),
        fix: "Take the mount out.",
        at: one.at,
      });
    }
    const api = under(service.node, "use_api_socket");
    if (api !== undefined && isOn(api)) {
      tell({
        message: "use_api_socket gives the container the engine's socket and the user's keys to registries",
        fix: "Take it out.",
        at: api.at,
      });
    }
    for (const name of ["DOCKER_HOST", "CONTAINER_HOST", "BUILDKIT_HOST", "CONTAINERD_ADDRESS"]) {
      const set = service.environment.get(name);
      if (set === undefined || (set.value ?? "") === "") continue;
      tell({
        severity: "warning",
        message: `${name} leads the container to an engine: ${quote(withNothingSet(set.node.written) ?? "")}`,
        fix: `Take ${name} out.`,
        at: set.node.at,
      });
    }
  },
};

function reachedThrough({ facts }: ServiceSubject, { named, source, target, mount }: Mounted): string | undefined {
  if (mount.kind === "npipe") return named ?? target;
  if (named === undefined || source === undefined) return undefined;
  for (const path of new Set([named, source])) {
    // `/var/run` is `/run` on every Linux, also where the check does not run.
    const plain = path.replace(/^\/var\/run(?=\/|$)/, "/run");
    if (socketNames.test(path) || userSockets.test(plain)) return path;
    const parent = [...facts.engineSockets.flatMap((socket) => [socket, facts.real(socket)]), ...enginePaths].find((known) =>
      contains(plain, known),
    );
    if (parent !== undefined) return parent === plain ? named : parent;
    const below = enginePaths.find((known) => !known.endsWith(".sock") && contains(known, plain));
    if (below !== undefined) return named;
  }
  return socketNames.test(target) ? named : undefined;
}
