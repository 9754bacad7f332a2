import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { ENV_TARGET } from "../../model/workspace.ts";

/**
 * The agent's environment: this process's own, with what the env file exports when a shell sources it. The file is sourced in
 * a child and not on the way to the runner, because some names (`LD_PRELOAD`, `NODE_OPTIONS`) would have the agent's own code
 * loaded into the process that knows the nonce.
 */
export function agentEnv(file = `${ENV_TARGET}/env`): Record<string, string | undefined> {
  try {
    accessSync(file, constants.R_OK);
  } catch {
    return process.env;
  }
  const output = execFileSync("/bin/sh", ["-c", '. "$1" && exec /usr/bin/env -0', "sh", file], {
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 16 * 1024 * 1024,
  });
  const env: Record<string, string> = {};
  for (const entry of output.toString("utf8").split("\0")) {
    const at = entry.indexOf("=");
    if (at > 0) env[entry.slice(0, at)] = entry.slice(at + 1);
  }
  return env;
}
