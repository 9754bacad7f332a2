import type { ContainerInput, ContainerOutput } from "../../model/protocol.ts";
import type { AgentCommand, AgentProcess } from "./agent-process.ts";

/** What an agent's turn may touch of the container. */
export interface World {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Sends a frame before the last one. */
  send(output: ContainerOutput): void;
  /** Passes on what the agent writes to stderr. */
  log(chunk: Uint8Array | string): void;
  start(command: AgentCommand): AgentProcess;
}

/** One prompt's way through an agent to the last frame. */
export type Turn = (input: ContainerInput, world: World) => Promise<ContainerOutput>;

/** The longest answer, in bytes; far beyond what a chat shows and well below what a frame may hold. */
export const ANSWER_LIMIT_BYTES: number = 4 * 1024 * 1024;

export function failed(error: string): ContainerOutput {
  return { status: "error", result: null, error };
}
