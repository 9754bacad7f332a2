import * as z from "zod";

/** A directory or file of the host that a group asks to see at `/workspace/extra/<containerPath>`. */
export interface AdditionalMount {
  /** Absolute, or beginning with `~/`. */
  readonly hostPath: string;
  /** Relative; the host path's last segment when left out. */
  readonly containerPath?: string;
  /** Read-only unless this is false and the allowlist's root and the group may write. */
  readonly readonly?: boolean;
}

export const networks = ["none", "egress", "open"] as const;
export type Network = (typeof networks)[number];

export const containerModes = ["cold", "warm", "persistent"] as const;
export type ContainerMode = (typeof containerModes)[number];

/** When a container that is kept for many runs is replaced. Times are milliseconds. */
export interface PersistentLimits {
  readonly idleTimeout?: number;
  readonly maxAge?: number;
  readonly maxRuns?: number;
}

/** What a group sets of its containers. Sizes are bytes or texts like `512m`, the timeout is in milliseconds. */
export interface ContainerConfig {
  readonly additionalMounts?: readonly AdditionalMount[];
  readonly timeout?: number;
  readonly cpus?: number;
  readonly memory?: string | number;
  /** Memory and swap together, as engines count it; equal to `memory` means no swap. */
  readonly memory_swap?: string | number;
  readonly pids?: number;
  /** What the container reaches: nothing; the model's API and what the owner lists; or whatever the host reaches. */
  readonly network?: Network;
  /** Names, with a port when it is not 443, that an `egress` network lets through beside those of the owner's own list. */
  readonly egress?: readonly string[];
  /** How a container is come by: made for each run, made ahead and used once, or kept for many runs. */
  readonly mode?: ContainerMode;
  /** Limits of a container that is kept. */
  readonly persistent?: PersistentLimits;
  /** Names from the home's `.env` that this group's agent gets beside the two of Claude Code. */
  readonly env?: readonly string[];
}

/** Which program answers: Claude Code, the built-in demo, or a command that reads the prompt on stdin and prints the answer. */
export type AgentConfig = "claude" | "demo" | { readonly command: readonly string[] };

/** The kind of agent, for records: a command is called `command`, whatever it runs. */
export function agentKind(agent: AgentConfig): "claude" | "demo" | "command" {
  return typeof agent === "string" ? agent : "command";
}

export interface RegisteredGroup {
  readonly name: string;
  readonly folder: string;
  readonly agent?: AgentConfig;
  readonly containerConfig?: ContainerConfig;
}

/** A group as the registry holds it, with the chat id that it is filed under. */
export interface Group extends RegisteredGroup {
  readonly jid: string;
  readonly isMain: boolean;
}

const noControl = /^[^\p{Cc}]*$/u;
const size = z.union([z.number().int().positive(), z.string().min(1).max(32)]);

export const containerConfigSchema: z.ZodType<ContainerConfig> = z.strictObject({
  additionalMounts: z
    .array(
      z.strictObject({
        hostPath: z
          .string()
          .max(4096)
          .regex(/^(?:\/|~\/|~$)/, "must be absolute or begin with ~/"),
        containerPath: z.string().min(1).max(255).exactOptional(),
        readonly: z.boolean().exactOptional(),
      }),
    )
    .max(64)
    .exactOptional(),
  timeout: z.number().int().min(1000).max(86_400_000).exactOptional(),
  cpus: z.number().min(0.01).max(1024).exactOptional(),
  memory: size.exactOptional(),
  memory_swap: size.exactOptional(),
  pids: z.number().int().min(8).max(1_000_000).exactOptional(),
  network: z.enum(networks).exactOptional(),
  egress: z.array(z.string().min(1).max(300)).max(256).exactOptional(),
  mode: z.enum(containerModes).exactOptional(),
  persistent: z
    .strictObject({
      idleTimeout: z.number().int().min(1000).max(604_800_000).exactOptional(),
      maxAge: z.number().int().min(1000).max(2_419_200_000).exactOptional(),
      maxRuns: z.number().int().min(1).max(1_000_000).exactOptional(),
    })
    .exactOptional(),
  env: z
    .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "must be an environment variable's name"))
    .max(128)
    .refine((names) => new Set(names).size === names.length, "names one variable twice")
    .exactOptional(),
});

export const agentSchema: z.ZodType<AgentConfig> = z.union([
  z.literal("claude"),
  z.literal("demo"),
  z.strictObject({
    command: z
      .array(
        z
          .string()
          .min(1)
          .max(4096)
          .regex(/^[^\0]*$/),
      )
      .min(1)
      .max(64),
  }),
]);

/** One entry of `data/registered_groups.json`. Unknown keys are refused: a mistyped limit must not be no limit. */
export const registeredGroupSchema: z.ZodType<RegisteredGroup> = z.strictObject({
  name: z.string().min(1).max(128).regex(noControl, "must not hold control characters"),
  folder: z.string().min(1),
  agent: agentSchema.exactOptional(),
  containerConfig: containerConfigSchema.exactOptional(),
});
