import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { ENV_TARGET } from "../../model/workspace.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

/** Which content a path has: another file, or the same one changed, has another mark. Undefined when there is none. */
function markOf(file: string): string | undefined {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch {
    return undefined;
  }
}

/**
 * The agent's environment: this process's own, with what the env file exports when a shell sources it. The file is sourced in
 * a child and not on the way to the runner, because some names (`LD_PRELOAD`, `NODE_OPTIONS`) would have the agent's own code
 * loaded into the process that knows the nonce. A child takes milliseconds, so what it said is kept until the file changes.
 */
export class AgentEnvironment {
  readonly #file: string;
  #mark: string | undefined;
  #variables: Variables = process.env;

  constructor(file = `${ENV_TARGET}/env`) {
    this.#file = file;
  }

  /** Throws when the file is there and cannot be sourced. */
  read(): Variables {
    const mark = markOf(this.#file);
    if (mark !== this.#mark) {
      this.#variables = mark === undefined ? process.env : source(this.#file);
      this.#mark = mark;
    }
    return this.#variables;
  }
}

function source(file: string): Variables {
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
