import type { Capabilities, Engine, Exit } from "../engine.ts";
import { attach } from "../engine-api/attach.ts";
import { readWait } from "../engine-api/answers.ts";
import { connect } from "../engine-api/connection.ts";
import { createContainer, inspectContainer, removeContainer } from "../engine-api/containers.ts";
import { readProcesses } from "../engine-api/descriptions.ts";
import { brokenAnswer, containerNotFound } from "../engine-api/errors.ts";
import { jsonLines } from "../engine-api/lines.ts";
import { watchMemoryKills } from "../engine-api/memory-kills.ts";
import { commonMethods } from "../engine-api/methods.ts";
import { observation } from "../engine-api/observation.ts";
import { containerPath } from "../engine-api/paths.ts";
import { deaths } from "./deaths.ts";
import type { DeathRecord } from "./deaths.ts";
import { probeDocker } from "./probe.ts";
import { dockerCreateRequest, memoryGroups, processesRequest, waitCondition } from "./request.ts";

const capabilities: Capabilities = {
  fileMounts: true,
  pidsLimit: true,
  swapLimit: true,
  networkNone: true,
  hardening: true,
  outOfMemory: true,
  restarts: true,
};

/** Docker Engine 20.10 or newer, over its API on a unix socket. Nothing is asked of it before the first call. */
export function dockerEngine(options: { readonly socket: string }): Engine {
  const connection = connect(options.socket);
  const dying = deaths(connection);

  async function waitForEnd(id: string, ready: () => void, failed: AbortSignal): Promise<Exit> {
    const container = await inspectContainer(connection, id);
    if (!container) throw containerNotFound(id);
    const death = await dying.follow(container.id);
    // The daemon's own word may be missing: its shim tells the container's end without it when the end comes right behind the kill.
    const kills = watchMemoryKills(memoryGroups(container.id));
    try {
      if (container.exitCode !== null && !container.engineRemoves)
        return { exitCode: container.exitCode, outOfMemory: container.outOfMemory };
      const { exitCode, outOfMemory } = await endOf(id, waitCondition(container), death, ready, failed);
      return { exitCode, outOfMemory: kills.seen || outOfMemory };
    } finally {
      kills.stop();
      death.release();
    }
  }

  async function endOf(
    id: string,
    condition: ReturnType<typeof waitCondition>,
    death: DeathRecord,
    ready: () => void,
    signal: AbortSignal,
  ): Promise<Exit> {
    const what = "wait for the container";
    const path = `${containerPath(id)}/wait`;
    const response = await connection.open({ method: "POST", path, query: { condition }, signal, what });
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
      const gone = exitCode === 0 ? undefined : await connection.check();
      if (gone) throw gone;
      if (error !== undefined && condition === "removed") await removeContainer(connection, id);
      return { exitCode, outOfMemory: await death.outOfMemory() };
    }
    throw brokenAnswer(connection.socket, what);
  }

  return {
    ...commonMethods(connection, waitForEnd),
    name: "docker",
    capabilities,
    probe: () => probeDocker(connection),
    create: (spec) => createContainer(connection, spec.name, spec.image, dockerCreateRequest(spec)),
    attach: (id) => attach(connection, id),
    observation: observation(connection, async (id) => {
      const request = processesRequest(containerPath(id));
      return readProcesses((await connection.call({ method: "GET", ...request, what: "list the container's processes" })).body);
    }),
  };
}
