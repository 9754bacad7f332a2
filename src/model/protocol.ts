import * as z from "zod";
import type { AgentConfig } from "./group.ts";

/**
 * What a container reads on stdin: one JSON object, then the end of input. A container that is kept for many runs
 * (`NOVABOT_CONTAINER_MODE=persistent` in its environment) reads one such object a line, and ends with the input.
 */
export interface ContainerInput {
  readonly prompt: string;
  readonly sessionId?: string;
  readonly groupFolder: string;
  readonly chatJid: string;
  readonly isMain: boolean;
  readonly isScheduledTask?: boolean;
  /** Echoed in every frame, so that nothing else that writes to stdout can answer in the agent's place. */
  readonly nonce?: string;
  /** Milliseconds after which the container ends by itself: its host should have ended it before, and may be gone. */
  readonly deadlineMs?: number;
  /** Which agent the runner starts; Claude Code when left out. */
  readonly agent?: AgentConfig;
  /** The run's id. */
  readonly run?: string;
  /** What the agent gets in its environment beside the env file; it wins over the env file. */
  readonly variables?: Readonly<Record<string, string>>;
  /** The runner opens a port on loopback that leads to the gateway's socket, and tells the agent of it. */
  readonly gateway?: { readonly broker: boolean; readonly proxy: boolean };
  /** A shell script that decides whether the agent is needed: status 0 yes, 1 no, another is an error. */
  readonly guard?: string;
  /** Messages may come into `/workspace/ipc/input` while the agent works. */
  readonly followUps?: boolean;
}

/** A file in `/workspace/ipc/input`: a message for an agent that is already at work. Files are taken in the order of their names. */
export interface FollowUp {
  readonly id: string;
  readonly text: string;
}

/** What a container writes between the two marker lines: one line of JSON. */
export interface ContainerOutput {
  readonly status: "success" | "error";
  readonly result: string | null;
  readonly newSessionId?: string;
  readonly error?: string;
  readonly nonce?: string;
  /** The run that it belongs to, where a container serves many. */
  readonly run?: string;
  /** Ids of follow-ups that the agent has been given; such a frame may have no result. */
  readonly accepted?: readonly string[];
  /** Nothing more comes of this run. A container for one run may leave it out: its end says the same. */
  readonly final?: boolean;
  /** The guard said that the agent is not needed. */
  readonly skipped?: boolean;
}

/** Accepts unknown keys, because an image may be newer than its host; drops them. */
export const containerOutputSchema: z.ZodType<ContainerOutput> = z.object({
  status: z.enum(["success", "error"]),
  result: z.string().nullable(),
  newSessionId: z.string().max(128).exactOptional(),
  error: z.string().exactOptional(),
  nonce: z.string().max(256).exactOptional(),
  run: z.string().max(64).exactOptional(),
  accepted: z.array(z.string().max(256)).max(1000).exactOptional(),
  final: z.boolean().exactOptional(),
  skipped: z.boolean().exactOptional(),
});
