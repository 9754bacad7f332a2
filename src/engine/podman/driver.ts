import { lstat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { NovaError, messageOf, quote } from "../../model/errors.ts";
import type { Capabilities, Engine, Exit } from "../engine.ts";
import { attach } from "../engine-api/attach.ts";
import { connect } from "../engine-api/connection.ts";
import { createContainer, inspectContainer, removeContainer } from "../engine-api/containers.ts";
import { readProcesses } from "../engine-api/descriptions.ts";
import { containerNotFound, isGone } from "../engine-api/errors.ts";
import { jsonLines } from "../engine-api/lines.ts";
import { watchMemoryKills } from "../engine-api/memory-kills.ts";
import { commonMethods } from "../engine-api/methods.ts";
import { observation } from "../engine-api/observation.ts";
import { containerPath } from "../engine-api/paths.ts";
import type { ContainerSpec } from "../spec.ts";
import { probePodman } from "./probe.ts";
import { REMOVE_LABEL, checkMountable, memoryGroups, podmanCreateRequest, processesRequest, waitRequest } from "./request.ts";
import { readWaitedCode } from "./response.ts";

const capabilities: Capabilities = {
  fileMounts: true,
  pidsLimit: true,
  swapLimit: true,
  networkNone: true,
  hardening: true,
  outOfMemory: true,
  restarts: true,
};

/** From an answer to the wait that told of no end to the next question. */
const AGAIN_MS = 50;

/** Podman 4.3 or newer, rootful or rootless, over the service on its unix socket. Nothing is asked of it before the first call. */
export function podmanEngine(options: { readonly socket: string }): Engine {
  const connection = connect(options.socket);
  let rootless: Promise<boolean> | undefined;

  async function isRootless(): Promise<boolean> {
    rootless ??= probePodman(connection).then((info) => info.rootless);
    try {
      return await rootless;
    } catch (error) {
      rootless = undefined;
      throw error;
    }
  }

  async function create(spec: ContainerSpec): Promise<string> {
    await checkSources(spec);
    const request = podmanCreateRequest(spec, { rootless: await isRootless() });
    try {
      return await createContainer(connection, spec.name, spec.image, request);
    } catch (error) {
      if (!/container-init binary not found|catatonit/i.test(messageOf(error))) throw error;
      throw new NovaError("ENGINE_REFUSED", `Podman has no init program for containers: ${messageOf(error)}`, {
        next: "Install the package `catatonit`, or set `init_path` in containers.conf to a program like tini.",
        cause: error,
      });
    }
  }

  async function waitForEnd(id: string, ready: () => void, failed: AbortSignal): Promise<Exit> {
    const container = await inspectContainer(connection, id);
    if (!container) throw containerNotFound(id);
    // Conmon is told of a kill before it is counted, reads a count of 0 and says nothing (2.1 on cgroups of version 1).
    const kills = watchMemoryKills(memoryGroups(container.id));
    try {
      // The container stays until it is removed below, so that a wait that begins late misses nothing.
      ready();
      const request = waitRequest(containerPath(container.id));
      for (;;) {
        const response = await connection.open({ method: "POST", ...request, signal: failed, what: "wait for the container" });
        let exitCode: number | undefined;
        for await (const value of jsonLines(response, "a container's end")) exitCode = readWaitedCode(value);
        const ended = await inspectContainer(connection, container.id);
        // Podman answers 0 of one that was not started within its first interval, too: that is no end.
        if (ended && ended.exitCode === null && !exitCode) {
          await sleep(AGAIN_MS, undefined, { signal: failed });
          continue;
        }
        exitCode = ended?.exitCode ?? exitCode;
        if (exitCode === undefined)
          throw new NovaError("ENGINE_RESPONSE", `Podman does not say how the container ${quote(id)} ended.`);
        if (container.labels[REMOVE_LABEL] === "true") await removeContainer(connection, container.id);
        return { exitCode, outOfMemory: kills.seen || (ended?.outOfMemory ?? false) };
      }
    } catch (error) {
      // A container that never ran and was removed has no end to tell.
      throw isGone(error) ? containerNotFound(id) : error;
    } finally {
      kills.stop();
    }
  }

  return {
    ...commonMethods(connection, waitForEnd),
    name: "podman",
    capabilities,
    probe: () => probePodman(connection),
    create,
    attach: (id) => attach(connection, id, { inputApart: true }),
    observation: observation(connection, async (id) => {
      const request = processesRequest(containerPath(id));
      return readProcesses((await connection.call({ method: "GET", ...request, what: "list the container's processes" })).body);
    }),
  };
}

/** Podman would make a missing source, as a directory of root's. */
async function checkSources(spec: ContainerSpec): Promise<void> {
  for (const mount of spec.mounts) {
    checkMountable(mount);
    try {
      await lstat(mount.source);
    } catch (error) {
      throw new NovaError("ENGINE_REFUSED", `The mount's source ${quote(mount.source)} does not exist.`, {
        place: mount.target,
        cause: error,
      });
    }
  }
}
