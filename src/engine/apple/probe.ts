import { cpus, totalmem } from "node:os";
import { NovaError } from "../../model/errors.ts";
import type { EngineInfo } from "../engine.ts";
import { runProgram } from "./program.ts";
import { statusArguments, versionArguments } from "./request.ts";
import { readVersion } from "./response.ts";

const PROBE_TIMEOUT_MS = 10_000;

/** Asks the program for its version and whether its services run: the program alone is no engine. */
export async function probeApple(binary: string): Promise<EngineInfo> {
  const version = readVersion((await runProgram(binary, versionArguments(), { timeoutMs: PROBE_TIMEOUT_MS })).stdout);
  if (Number.parseInt(version, 10) < 1) {
    throw new NovaError("NOT_SUPPORTED", `Apple Container ${version} is too old.`, {
      place: binary,
      next: "Install version 1.0 or newer.",
    });
  }
  const status = await runProgram(binary, statusArguments(), { timeoutMs: PROBE_TIMEOUT_MS });
  if (status.exitCode !== 0) {
    throw new NovaError("ENGINE_LOST", "The program `container` is there but its services do not run.", {
      place: binary,
      next: "Run `container system start`.",
    });
  }
  return {
    product: "Apple Container",
    version,
    endpoint: binary,
    rootless: true,
    // The file sharing of its virtual machines gives everything to the user who runs them.
    shiftsIDs: false,
    sharesKernel: false,
    architecture: process.arch,
    cpus: cpus().length,
    memoryBytes: totalmem(),
  };
}
