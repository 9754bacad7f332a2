import { NovaError } from "../../model/errors.ts";
import type { Engine, Exit } from "../engine.ts";
import type { Connection } from "./connection.ts";
import { inspectContainer, killContainer, listContainers, removeContainer, startContainer, stopContainer } from "./containers.ts";
import { brokenAnswer } from "./errors.ts";
import { containerEvents } from "./events.ts";
import { execInContainer } from "./exec.ts";
import { buildImage, findImage, removeImage } from "./images.ts";
import { pendingWaits } from "./waits.ts";

/** A driver's own way to wait: calls `ready` when the engine has the request; `failed` aborts when the start was refused. */
export type WaitForEnd = (id: string, ready: () => void, failed: AbortSignal) => Promise<Exit>;

export type CommonMethods = Omit<Engine, "name" | "capabilities" | "probe" | "create" | "attach">;

/** What every engine with this API does alike. */
export function commonMethods(connection: Connection, waitForEnd: WaitForEnd): CommonMethods {
  const waits = pendingWaits();

  async function wait(id: string, ready: () => void, failed: AbortSignal): Promise<Exit> {
    try {
      return await waitForEnd(id, ready, failed);
    } catch (error) {
      if (failed.aborted) throw failed.reason;
      throw error instanceof NovaError ? error : brokenAnswer(connection.socket, "wait for the container", error);
    }
  }

  return {
    findImage: (reference) => findImage(connection, reference),
    buildImage: (build, options) => buildImage(connection, build, options),
    removeImage: (reference) => removeImage(connection, reference),
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
    exec: (id, argv, exec) => execInContainer(connection, id, argv, exec),
    inspect: (id) => inspectContainer(connection, id),
    list: (labels) => listContainers(connection, labels),
    events: (labels, signal) => containerEvents(connection, labels, signal),
  };
}
