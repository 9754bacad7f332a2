import { createRequest } from "../engine-api/create.ts";
import type { CreateRequest } from "../engine-api/create.ts";
import type { ContainerSpec } from "../spec.ts";

/** The body of Docker's create request. */
export function dockerCreateRequest(spec: ContainerSpec): CreateRequest {
  return createRequest(spec);
}

/**
 * What to wait for. `removed` holds until an engine-removed container is really gone; `next-exit` passes over the state of one that
 * has not run yet, which `not-running` would take for an end.
 */
export function waitCondition(container: {
  readonly engineRemoves: boolean;
  readonly running: boolean;
}): "removed" | "not-running" | "next-exit" {
  if (container.engineRemoves) return "removed";
  return container.running ? "not-running" : "next-exit";
}

/** The processes of the container at the API's `path`, by their numbers on the engine's machine. The daemon's own `ps` answers, not the container's. */
export function processesRequest(path: string): { readonly path: string; readonly query: Readonly<Record<string, string>> } {
  return { path: `${path}/top`, query: { ps_args: "-eo pid" } };
}

/** Where the container's memory group may be: Docker's two cgroup drivers name it differently. */
export function memoryGroups(id: string): readonly string[] {
  return [`docker/${id}`, `system.slice/docker-${id}.scope`];
}
