import { once } from "node:events";
import { lstat } from "node:fs/promises";
import { NovaError, messageOf, quote } from "../../model/errors.ts";
import type { Capabilities, Engine, Exit } from "../engine.ts";
import { attach } from "../engine-api/attach.ts";
import { connect } from "../engine-api/connection.ts";
import {
  createContainer,
  inspectContainer,
  killContainer,
  listContainers,
  removeContainer,
  startContainer,
  stopContainer,
} from "../engine-api/containers.ts";
import { containerNotFound, isGone } from "../engine-api/errors.ts";
import { containerEvents } from "../engine-api/events.ts";
import { execInContainer } from "../engine-api/exec.ts";
import { buildImage, findImage, removeImage } from "../engine-api/images.ts";
import { jsonLines } from "../engine-api/lines.ts";
import { liveness } from "../engine-api/liveness.ts";
import { containerPath } from "../engine-api/paths.ts";
import { pendingWaits } from "../engine-api/waits.ts";
import type { ContainerSpec } from "../spec.ts";
import { watchMemoryKills } from "./memory-kills.ts";
import { probePodman } from "./probe.ts";
import { REMOVE_LABEL, checkMountable, podmanCreateRequest, waitRequest } from "./request.ts";
import { readWaitedCode } from "./response.ts";

const capabilities: Capabilities = {
  api: true,
  fileMounts: true,
  pidsLimit: true,
  swapLimit: true,
  networkNone: true,
  hardening: true,
  outOfMemory: true,
  events: true,
};

/** For the answer to a start, after the wait has seen its failure. */
const START_MARGIN_MS = 10_000;

/** Podman 4.3 or newer, rootful or rootless, over the service on its unix socket. Nothing is asked of it before the first call. */
export function podmanEngine(options: { readonly socket: string }): Engine {
  const connection = connect(options.socket);
  const alive = liveness(options.socket);
  const waits = pendingWaits();
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

  async function wait(id: string, ready: () => void, failed: AbortSignal): Promise<Exit> {
    const giveUp = new AbortController();
    const unwatch = alive.watch((error) => giveUp.abort(error));
    const stop = AbortSignal.any([giveUp.signal, failed]);
    let kills: ReturnType<typeof watchMemoryKills> | undefined;
    try {
      const container = await inspectContainer(connection, id);
      if (!container) throw containerNotFound(id);
      kills = watchMemoryKills(container.id);
      // The container stays until it is removed below, so that a wait that begins late misses nothing.
      ready();
      const request = waitRequest(containerPath(container.id));
      const response = await connection.open({ method: "POST", ...request, signal: stop, what: "wait for the container" });
      let exitCode: number | undefined;
      for await (const value of jsonLines(response, "a container's end")) exitCode = readWaitedCode(value);
      const ended = await inspectContainer(connection, container.id);
      // A start that fails passes through the states that are waited for, and leaves a container that never ran.
      if (ended && !ended.running && ended.exitCode === null) throw await failureOf(failed, id);
      exitCode = ended?.exitCode ?? exitCode;
      if (exitCode === undefined)
        throw new NovaError("ENGINE_RESPONSE", `Podman does not say how the container ${quote(id)} ended.`);
      if (container.labels[REMOVE_LABEL] === "true") await removeContainer(connection, container.id);
      return { exitCode, outOfMemory: kills.seen || (ended?.outOfMemory ?? false) };
    } catch (error) {
      if (stop.aborted) throw stop.reason;
      // A container that never ran and was removed has no end to tell.
      if (isGone(error)) throw containerNotFound(id);
      if (error instanceof NovaError) throw error;
      throw new NovaError(
        "ENGINE_LOST",
        `The engine at ${connection.socket} broke off while it was waited for a container's end.`,
        {
          place: connection.socket,
          cause: error,
        },
      );
    } finally {
      unwatch();
      kills?.stop();
    }
  }

  return {
    name: "podman",
    capabilities,
    probe: () => probePodman(connection),
    findImage: (reference) => findImage(connection, reference),
    buildImage: (build, options) => buildImage(connection, alive, build, options),
    removeImage: (reference) => removeImage(connection, reference),
    create,
    attach: (id) => attach(connection, id, { inputApart: true }),
    async start(id) {
      await waits.ready(id);
      try {
        await startContainer(connection, id);
      } catch (error) {
        waits.fail(id, error);
        throw error;
      }
    },
    wait: (id) => waits.begin(id, (ready, failed) => wait(id, ready, failed)),
    stop: (id, graceMs) => stopContainer(connection, id, graceMs),
    kill: (id, signal) => killContainer(connection, id, signal),
    remove: (id) => removeContainer(connection, id),
    exec: (id, argv, exec) => execInContainer(connection, alive, id, argv, exec?.user),
    inspect: (id) => inspectContainer(connection, id),
    list: (labels) => listContainers(connection, labels),
    events: (labels, signal) => containerEvents(connection, alive, labels, signal),
  };
}

/** Why a container did not run: what its start was answered, which may still be on its way. */
async function failureOf(failed: AbortSignal, id: string): Promise<unknown> {
  if (!failed.aborted) await once(failed, "abort", { signal: AbortSignal.timeout(START_MARGIN_MS) }).catch(() => {});
  return failed.aborted ? failed.reason : new NovaError("ENGINE_REFUSED", `The container ${quote(id)} did not run.`);
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
