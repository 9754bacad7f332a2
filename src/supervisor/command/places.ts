import { join } from "node:path";
import { DEFAULT_DATA, DEFAULT_SOCKET } from "../settings.ts";

/** What the command line reads of its environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the supervisor of this container is, and what it writes. */
export interface Places {
  readonly socketPath: string;
  readonly dataDirectory: string;
  /** What a supervisor writes that a command line started. */
  readonly logPath: string;
}

export function placesOf(env: Environment): Places {
  const dataDirectory = env["NOVABOT_DATA"]?.trim() || DEFAULT_DATA;
  return {
    socketPath: env["NOVABOT_SUPERVISOR_SOCKET"]?.trim() || DEFAULT_SOCKET,
    dataDirectory,
    logPath: join(dataDirectory, "supervisor.log"),
  };
}
