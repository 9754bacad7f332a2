import * as z from "zod";

// One supervised process of a worker: what it shall be and what it is.

export const instanceIDPattern: RegExp = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$/;

export const instanceIDSchema: z.ZodString = z
  .string()
  .regex(instanceIDPattern, "must be 1 to 64 letters, digits, hyphens and underscores, beginning with a letter or digit");

/** `crashed`: it ended when it should not have; it may wait for its next start (`nextStartAtMs`). `stopped`: it ended as it was told to, or by itself and for good. */
export const instanceStates = ["starting", "running", "stopping", "stopped", "crashed"] as const;
export type InstanceState = (typeof instanceStates)[number];

/** What shows that an instance works. Ports and paths are asked on 127.0.0.1. */
export type ProbeTarget =
  | { readonly kind: "port"; readonly port: number }
  /** Any status from 200 to 399. */
  | { readonly kind: "http"; readonly port: number; readonly path: string }
  /** Status 0; run in the instance's environment and directory. */
  | { readonly kind: "command"; readonly argv: readonly string[] };

export interface Probe {
  readonly target: ProbeTarget;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** So many in a row count as a failure. */
  readonly failures: number;
}

export interface RestartPolicy {
  readonly when: "never" | "on-failure" | "always";
  /** More restarts than this within `windowMs` end in `crashed` for good; null: without limit. */
  readonly maxRestarts: number | null;
  readonly windowMs: number;
  /** Of the first restart; doubles with each further one up to `maxDelayMs`, each time with up to half of it taken off at random. */
  readonly delayMs: number;
  readonly maxDelayMs: number;
  /** So long without an end, and the count and the delay begin anew. */
  readonly healthyAfterMs: number;
}

export interface InstanceSpec {
  readonly id: string;
  /** The program and its arguments; no shell. */
  readonly argv: readonly string[];
  /** Absolute. */
  readonly directory: string;
  /** Beside the container's own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Given to it as PORT; whoever else of its own holds it when it ends does not survive. */
  readonly port: number | null;
  readonly restart: RestartPolicy;
  /** From SIGTERM to SIGKILL. */
  readonly stopGraceMs: number;
  /** Without one, an instance that runs is ready. */
  readonly readiness: Probe | null;
  /** Failing it ends the instance, which then counts as crashed. */
  readonly liveness: Probe | null;
  /** Liveness is not asked, and a missing readiness is no failure, for so long after a start. */
  readonly startGraceMs: number;
  /** Instances that have to be ready before this one starts. */
  readonly after: readonly string[];
  readonly output: {
    /** Null: as fast as it can be kept. */
    readonly linesPerSecond: number | null;
    /** Beyond that: `slow` makes the instance wait, `sample` keeps some lines and records how many it left out. */
    readonly overflow: "slow" | "sample";
  };
}

export interface InstanceStatus {
  readonly id: string;
  readonly state: InstanceState;
  readonly ready: boolean;
  readonly pid: number | null;
  /** Since when it is in this state. */
  readonly sinceMs: number;
  /** When the process that runs now was started. */
  readonly startedAtMs: number | null;
  /** Of the last process that ended. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Since it was started by somebody. */
  readonly restarts: number;
  /** It crashed more often than its policy allows, or is about to: restarts come close on one another. */
  readonly crashLoop: boolean;
  /** When a crashed one is started again. */
  readonly nextStartAtMs: number | null;
  /** One sentence: why it is in this state. */
  readonly why: string;
  readonly port: number | null;
  readonly argv: readonly string[];
}

const port = z.number().int().min(1).max(65_535);
const text = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[^\0]*$/, "must not hold a null character");
const argv = z
  .array(
    z
      .string()
      .max(131_072)
      .regex(/^[^\0]*$/, "must not hold a null character"),
  )
  .min(1)
  .max(4096);
const milliseconds = (most: number): z.ZodNumber => z.number().int().min(0).max(most);
const DAY_MS = 86_400_000;

export const probeSchema: z.ZodType<Probe> = z.strictObject({
  target: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("port"), port }),
    z.strictObject({ kind: z.literal("http"), port, path: text.startsWith("/") }),
    z.strictObject({ kind: z.literal("command"), argv }),
  ]),
  intervalMs: z.number().int().min(50).max(DAY_MS).default(2_000),
  timeoutMs: z.number().int().min(10).max(DAY_MS).default(5_000),
  failures: z.number().int().min(1).max(1000).default(3),
});

export const restartPolicySchema: z.ZodType<RestartPolicy> = z.strictObject({
  when: z.enum(["never", "on-failure", "always"]).default("on-failure"),
  maxRestarts: z.number().int().min(0).max(1_000_000).nullable().default(10),
  windowMs: milliseconds(30 * DAY_MS).default(60_000),
  delayMs: milliseconds(DAY_MS).default(500),
  maxDelayMs: milliseconds(DAY_MS).default(30_000),
  healthyAfterMs: milliseconds(DAY_MS).default(30_000),
});

/** All that a spec holds beside its id. */
const settings = {
  argv,
  directory: text.startsWith("/", "must be an absolute path").default("/workspace"),
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().regex(/^[^\0]*$/)).default({}),
  port: port.nullable().default(null),
  restart: restartPolicySchema.prefault({}),
  stopGraceMs: milliseconds(DAY_MS).default(10_000),
  readiness: probeSchema.nullable().default(null),
  liveness: probeSchema.nullable().default(null),
  startGraceMs: milliseconds(DAY_MS).default(30_000),
  after: z.array(instanceIDSchema).max(64).default([]),
  output: z
    .strictObject({
      linesPerSecond: z.number().int().min(1).nullable().default(null),
      overflow: z.enum(["slow", "sample"]).default("slow"),
    })
    .prefault({}),
};

/** What `process.start` takes: what is left out gets its default. */
export const instanceSpecSchema: z.ZodType<InstanceSpec> = z.strictObject({ id: instanceIDSchema, ...settings });

/** The same where the id is given elsewhere. */
export const instanceSettingsSchema: z.ZodType<Omit<InstanceSpec, "id">> = z.strictObject(settings);

export const instanceStatusSchema: z.ZodType<InstanceStatus> = z.object({
  id: instanceIDSchema,
  state: z.enum(instanceStates),
  ready: z.boolean(),
  pid: z.number().int().nullable(),
  sinceMs: z.number(),
  startedAtMs: z.number().nullable(),
  exitCode: z.number().int().nullable(),
  signal: z.string().max(32).nullable(),
  restarts: z.number().int(),
  crashLoop: z.boolean(),
  nextStartAtMs: z.number().nullable(),
  why: z.string().max(4096),
  port: port.nullable(),
  argv: z.array(z.string()),
});
