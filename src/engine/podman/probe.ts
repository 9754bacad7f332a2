import { NovaError } from "../../model/errors.ts";
import type { Connection } from "../engine-api/connection.ts";
import { askDaemon, engineInfo } from "../engine-api/probe.ts";
import type { EngineInfo } from "../engine.ts";

/** Asks the service, and refuses a socket that something else than Podman serves. */
export async function probePodman(connection: Connection): Promise<EngineInfo> {
  const facts = await askDaemon(connection);
  if (facts.product !== "Podman") {
    throw new NovaError("ENGINE_REFUSED", `${facts.product} answers at ${connection.socket}, not Podman.`, {
      place: connection.socket,
      next: "Set NOVABOT_ENGINE=docker, or name Podman's own socket in CONTAINER_HOST.",
    });
  }
  // A rootless one is asked for `keep-id` with each container, which keeps the numbers.
  return engineInfo(facts, connection.socket, false);
}
