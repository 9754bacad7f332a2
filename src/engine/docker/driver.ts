import { NovaError } from "../../model/errors.ts";
import type { Capabilities, Engine, Exit } from "../engine.ts";
import { attach } from "../engine-api/attach.ts";
import { readWait } from "../engine-api/answers.ts";
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
import { containerNotFound } from "../engine-api/errors.ts";
import { containerEvents } from "../engine-api/events.ts";
import { execInContainer } from "../engine-api/exec.ts";
import { buildImage, findImage, removeImage } from "../engine-api/images.ts";
import { jsonLines } from "../engine-api/lines.ts";
import { liveness } from "../engine-api/liveness.ts";
import { containerPath } from "../engine-api/paths.ts";
import { pendingWaits } from "../engine-api/waits.ts";
import { deaths } from "./deaths.ts";
import type { DeathRecord } from "./deaths.ts";
import { probeDocker } from "./probe.ts";
import { dockerCreateRequest, waitCondition } from "./request.ts";

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

/** Docker Engine 20.10 or newer, over its API on a unix socket. Nothing is asked of it before the first call. */
export function dockerEngine(options: { readonly socket: string }): Engine {
  const connection = connect(options.socket);
  const alive = liveness(options.socket);
  const dying = deaths(connection);
  const waits = pendingWaits();

  async function wait(id: string, ready: () => void, failed: AbortSignal): Promise<Exit> {
    const giveUp = new AbortController();
    const unwatch = alive.watch((error) => giveUp.abort(error));
    const stop = AbortSignal.any([giveUp.signal, failed]);
    let death: DeathRecord | undefined;
    try {
      const container = await inspectContainer(connection, id);
      if (!container) throw containerNotFound(id);
      death = await dying.follow(container.id);
      if (container.exitCode !== null && !container.engineRemoves)
        return { exitCode: container.exitCode, outOfMemory: container.outOfMemory };
      const condition = waitCondition(container);
      const response = await connection.open({
        method: "POST",
        path: `${containerPath(id)}/wait`,
        query: { condition },
        signal: stop,
        what: "wait for the container",
      });
      stop.addEventListener("abort", () => response.destroy(), { once: true });
      if (stop.aborted) response.destroy();
      ready();
      if (condition === "next-exit") {
        // It may have run and ended between the two requests; then there is no next exit.
        const now = await inspectContainer(connection, id);
        if (now && now.exitCode !== null) {
          response.destroy();
          return { exitCode: now.exitCode, outOfMemory: now.outOfMemory };
        }
      }
      for await (const value of jsonLines(response, "a container's end")) {
        const { exitCode, error } = readWait(value);
        // A daemon that shuts down ends its containers first, and answers: that is the engine's loss, not the agent's failure.
        const gone = exitCode === 0 ? undefined : await alive.check();
        if (gone) throw gone;
        if (error !== undefined && condition === "removed") await removeContainer(connection, id);
        return { exitCode, outOfMemory: await death.outOfMemory() };
      }
      throw new NovaError(
        "ENGINE_LOST",
        `The engine at ${connection.socket} broke off while it was waited for a container's end.`,
        { place: connection.socket },
      );
    } catch (error) {
      if (stop.aborted) throw stop.reason;
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
      death?.release();
    }
  }

  return {
    name: "docker",
    capabilities,
    probe: () => probeDocker(connection),
    findImage: (reference) => findImage(connection, reference),
    buildImage: (build, options) => buildImage(connection, alive, build, options),
    removeImage: (reference) => removeImage(connection, reference),
    create: (spec) => createContainer(connection, spec.name, spec.image, dockerCreateRequest(spec)),
    attach: (id) => attach(connection, id),
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
