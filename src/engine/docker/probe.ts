import { askDaemon, engineInfo } from "../engine-api/probe.ts";
import type { Connection } from "../engine-api/connection.ts";
import type { EngineInfo } from "../engine.ts";

/** Asks the daemon. `product` is `Podman` where Podman serves this socket: its own driver knows it better. */
export async function probeDocker(connection: Connection): Promise<EngineInfo> {
  const facts = await askDaemon(connection);
  return engineInfo(facts, connection.socket, facts.rootless || facts.remapped);
}
