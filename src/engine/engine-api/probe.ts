import { release } from "node:os";
import type { EngineInfo } from "../engine.ts";
import { readDaemon } from "./answers.ts";
import type { DaemonFacts } from "./answers.ts";
import type { Connection } from "./connection.ts";

/** A daemon that is asked whether it is there has this long to say so. */
const PROBE_TIMEOUT_MS = 10_000;

/** Asks the daemon what it is. */
export async function askDaemon(connection: Connection): Promise<DaemonFacts> {
  const ask = async (path: string): Promise<unknown> =>
    (await connection.call({ method: "GET", path, timeoutMs: PROBE_TIMEOUT_MS, what: "say what it is" })).body;
  const [version, info] = await Promise.all([ask("/version"), ask("/info")]);
  return readDaemon(version, info);
}

export function engineInfo(facts: DaemonFacts, endpoint: string, shiftsIDs: boolean): EngineInfo {
  return {
    product: facts.product,
    version: facts.version,
    endpoint,
    rootless: facts.rootless,
    shiftsIDs,
    // A virtual machine of the engine's own has hardly ever the very kernel of its host.
    sharesKernel: process.platform === "linux" && facts.kernel === release(),
    architecture: facts.architecture,
    cpus: facts.cpus,
    memoryBytes: facts.memoryBytes,
  };
}
