import { z } from "zod";
import type { AgentConfig } from "./group.ts";

/** What a container reads on stdin: one JSON object, then the end of input. */
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
}

/** What a container writes between the two marker lines: one line of JSON. */
export interface ContainerOutput {
  readonly status: "success" | "error";
  readonly result: string | null;
  readonly newSessionId?: string;
  readonly error?: string;
  readonly nonce?: string;
}

/** Accepts unknown keys, because an image may be newer than its host; drops them. */
export const containerOutputSchema: z.ZodType<ContainerOutput> = z.object({
  status: z.enum(["success", "error"]),
  result: z.string().nullable(),
  newSessionId: z.string().max(128).exactOptional(),
  error: z.string().exactOptional(),
  nonce: z.string().max(256).exactOptional(),
});
