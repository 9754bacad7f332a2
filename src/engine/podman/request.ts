import { createRequest } from "../engine-api/create.ts";
import type { CreateRequest } from "../engine-api/create.ts";
import { NovaError, quote } from "../../model/errors.ts";
import type { ContainerSpec, Mount } from "../spec.ts";

/**
 * Marks a container that the driver removes when it has exited. Podman's own auto-removal races with its `wait`, which then
 * answers 0 or "no such container", and leaves nobody to ask whether memory ran out.
 */
export const REMOVE_LABEL = "novabot.podman.remove";

/** The body of Podman's create request, in Docker's form. */
export function podmanCreateRequest(spec: ContainerSpec, engine: { readonly rootless: boolean }): CreateRequest {
  const request = createRequest(spec);
  // Podman's defaults raise these above the caller's own limits, which fails where CAP_SYS_RESOURCE is missing.
  const processes = engine.rootless ? 4096 : 16_384;
  return {
    ...request,
    Labels: spec.autoRemove ? { ...request.Labels, [REMOVE_LABEL]: "true" } : request.Labels,
    HostConfig: {
      ...request.HostConfig,
      AutoRemove: false,
      Ulimits: [
        { Name: "nofile", Soft: 16_384, Hard: 16_384 },
        { Name: "nproc", Soft: processes, Hard: processes },
      ],
      // The container's user is then the one who runs the engine, who owns the mounted directories.
      ...(engine.rootless ? { UsernsMode: `keep-id:uid=${spec.user.uid},gid=${spec.user.gid}` } : {}),
    },
  };
}

/** Podman's own wait for the container at the API's `path`: it can name two conditions, and how often to look; every look costs the service about a millisecond. */
export function waitRequest(path: string): {
  readonly path: string;
  readonly query: Readonly<Record<string, string | readonly string[]>>;
} {
  return { path: `/v4.0.0/libpod${path}/wait`, query: { condition: ["stopped", "exited"], interval: "100ms" } };
}

/** Podman makes a line of comma-separated values of each mount and reads that: a path could set options in it. */
export function checkMountable(mount: Mount): void {
  for (const path of [mount.source, mount.target]) {
    if (!/[,"\n\r]/.test(path)) continue;
    throw new NovaError(
      "MOUNT_REFUSED",
      `The path ${quote(path)} cannot be mounted by Podman, whose API cannot carry a comma or a double quote.`,
      {
        place: mount.target,
        next: "Rename the directory, or mount one above it.",
      },
    );
  }
}

/**
 * The processes of the container at the API's `path`, by their numbers on the host. Arguments in the form of `ps` would run the container's own
 * program of that name, in the container; this word is read from the kernel.
 */
export function processesRequest(path: string): { readonly path: string; readonly query: Readonly<Record<string, string>> } {
  return { path: `/v4.0.0/libpod${path}/top`, query: { ps_args: "hpid", stream: "false" } };
}

/** Where the container's memory group may be: Podman's two cgroup managers name it differently. */
export function memoryGroups(id: string): readonly string[] {
  return [`libpod_parent/libpod-${id}`, `machine.slice/libpod-${id}.scope`];
}
