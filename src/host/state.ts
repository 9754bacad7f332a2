import { join } from "node:path";
import { homedir } from "node:os";

/** The process environment, by argument so that tests need not change their own. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where NovaBot keeps what belongs to the machine and to no home: the private engine and the image cache.
 * `NOVABOT_STATE_DIR`, or `/var/lib/novabot` for root, or the user's XDG state directory.
 */
export function stateDirectory(env: Environment, uid: number = process.getuid?.() ?? -1): string {
  if (env["NOVABOT_STATE_DIR"]) return env["NOVABOT_STATE_DIR"];
  if (uid === 0) return "/var/lib/novabot";
  return join(env["XDG_STATE_HOME"] || join(env["HOME"] || homedir(), ".local/state"), "novabot");
}

/** The files of the Docker daemon that `novabot setup` starts where no engine answers. */
export function privateDockerPaths(env: Environment): {
  readonly directory: string;
  readonly socket: string;
  readonly data: string;
  readonly exec: string;
  readonly pidFile: string;
  readonly log: string;
} {
  const directory = join(stateDirectory(env), "docker");
  return {
    directory,
    socket: join(directory, "docker.sock"),
    data: join(directory, "data"),
    exec: join(directory, "exec"),
    pidFile: join(directory, "docker.pid"),
    log: join(directory, "dockerd.log"),
  };
}
