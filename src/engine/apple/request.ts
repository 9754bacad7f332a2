import { NovaError, quote } from "../../model/errors.ts";
import type { ContainerSpec, ImageBuild, Mount } from "../spec.ts";

/** The argument lists of Apple's `container` program, 1.0 or newer. They are pure, so that they can be tested to the letter. */

export function createArguments(spec: ContainerSpec): string[] {
  const [entrypoint, ...before] = spec.entrypoint ?? [];
  return [
    "create",
    "--name",
    checkName(spec.name),
    ...(spec.stdin ? ["--interactive"] : []),
    ...(spec.autoRemove ? ["--rm"] : []),
    "--user",
    `${spec.user.uid}:${spec.user.gid}`,
    "--workdir",
    spec.workingDirectory,
    ...Object.entries(spec.env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    ...Object.entries(spec.labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
    // A virtual machine has whole processors, and memory in MiB.
    "--cpus",
    String(Math.max(1, Math.ceil(spec.limits.cpus))),
    "--memory",
    `${Math.ceil(spec.limits.memoryBytes / 2 ** 20)}M`,
    // The machine holds one container, so that the user's process limit stands in for the engine's.
    "--ulimit",
    `nproc=${spec.limits.pids}:${spec.limits.pids}`,
    "--cap-drop",
    "ALL",
    "--init",
    ...(spec.network === "none" ? ["--network", "none"] : []),
    ...(spec.ports ?? []).flatMap(({ container, host }) => ["--publish", `127.0.0.1:${host}:${container}/tcp`]),
    ...spec.mounts.flatMap(mountArguments),
    ...(entrypoint === undefined ? [] : ["--entrypoint", entrypoint]),
    checkImage(spec.image),
    ...before,
    ...(spec.command ?? []),
  ];
}

/** `-v` knows no read-only suffix: such mounts take the long form, whose fields end at a comma. */
function mountArguments(mount: Mount): string[] {
  for (const path of [mount.source, mount.target]) {
    if (/[,:"\n]/.test(path)) {
      throw new NovaError(
        "MOUNT_REFUSED",
        `The path ${quote(path)} cannot be mounted by Apple Container, whose options cannot carry a comma, a colon or a quote.`,
        {
          place: mount.target,
          next: "Rename the directory, or mount one above it.",
        },
      );
    }
  }
  if (mount.readonly) return ["--mount", `type=bind,source=${mount.source},target=${mount.target},readonly`];
  return ["-v", `${mount.source}:${mount.target}`];
}

export function startArguments(id: string, streams: { readonly attach: boolean }): string[] {
  return ["start", ...(streams.attach ? ["--attach", "--interactive"] : []), checkName(id)];
}

/** The program counts whole seconds. */
export function stopArguments(id: string, graceMs: number): string[] {
  return ["stop", "--time", String(Math.ceil(graceMs / 1000)), checkName(id)];
}

export function killArguments(id: string, signal: string): string[] {
  if (!/^[A-Z0-9+]{1,16}$/.test(signal)) throw new NovaError("ENGINE_REFUSED", `${quote(signal)} is no signal.`);
  return ["kill", "--signal", signal, checkName(id)];
}

export function deleteArguments(id: string): string[] {
  return ["delete", "--force", checkName(id)];
}

export function inspectArguments(id: string): string[] {
  return ["inspect", checkName(id)];
}

export function listArguments(): string[] {
  return ["ls", "-a", "--format", "json"];
}

export function execArguments(id: string, argv: readonly string[], user?: string): string[] {
  return ["exec", ...(user === undefined ? [] : ["--user", user]), checkName(id), ...argv];
}

/** `directory` holds the context and its Dockerfile. */
export function buildArguments(build: Omit<ImageBuild, "context">, directory: string): string[] {
  return [
    "build",
    "--progress",
    "plain",
    "--tag",
    checkImage(build.tag),
    ...Object.entries(build.buildArgs).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
    ...Object.entries(build.labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
    ...(build.target === undefined ? [] : ["--target", build.target]),
    ...(build.noCache ? ["--no-cache"] : []),
    "--file",
    `${directory}/Dockerfile`,
    directory,
  ];
}

export function imageInspectArguments(reference: string): string[] {
  return ["image", "inspect", checkImage(reference)];
}

export function imageDeleteArguments(reference: string): string[] {
  return ["image", "delete", checkImage(reference)];
}

export function statusArguments(): string[] {
  return ["system", "status"];
}

export function versionArguments(): string[] {
  return ["--version"];
}

/** A name that begins with a dash would be read as an option. */
function checkName(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/.test(id)) return id;
  throw new NovaError("CONTAINER_NOT_FOUND", `${quote(id)} cannot be a container's name.`);
}

function checkImage(reference: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,511}$/.test(reference)) return reference;
  throw new NovaError("IMAGE_NOT_FOUND", `${quote(reference)} cannot be an image's name.`);
}
