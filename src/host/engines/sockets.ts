import { join } from "node:path";
import { homedir } from "node:os";
import { privateDockerPaths } from "../state.ts";
import type { Environment } from "../state.ts";

/** A place where an engine may be reached, or the reason why a place that the user named cannot be used. */
export type Candidate = { readonly socket: string } | { readonly value: string; readonly reason: string; readonly next: string };

/** Where Docker may answer, in the order in which it is asked. Naming a place in DOCKER_HOST leaves out all others. */
export function dockerCandidates(env: Environment): Candidate[] {
  if (env["DOCKER_HOST"]) return [named("DOCKER_HOST", env["DOCKER_HOST"])];
  const home = env["HOME"] || homedir();
  const runtime = env["XDG_RUNTIME_DIR"];
  return [
    "/var/run/docker.sock",
    ...(runtime ? [join(runtime, "docker.sock")] : []),
    join(home, ".docker/run/docker.sock"),
    join(home, ".colima/default/docker.sock"),
    privateDockerPaths(env).socket,
  ].map((socket) => ({ socket }));
}

/** Where Podman may answer. Naming a place in CONTAINER_HOST leaves out all others. */
export function podmanCandidates(env: Environment): Candidate[] {
  if (env["CONTAINER_HOST"]) return [named("CONTAINER_HOST", env["CONTAINER_HOST"])];
  const runtime = env["XDG_RUNTIME_DIR"];
  return ["/run/podman/podman.sock", ...(runtime ? [join(runtime, "podman/podman.sock")] : [])].map((socket) => ({ socket }));
}

function named(variable: string, value: string): Candidate {
  const path = /^unix:\/\/(\/.+)$/.exec(value)?.[1];
  if (path !== undefined) return { socket: path };
  const remote = /^(tcp|ssh|https?|npipe):/.test(value);
  return {
    value,
    reason: remote
      ? `${variable} names another machine's engine (${value}), and mounts need an engine that sees this machine's files`
      : `${variable} is ${value}, which is no unix socket`,
    next: `Set ${variable} to unix:// and a socket's absolute path, or unset it.`,
  };
}
