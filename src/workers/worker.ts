import { z } from "zod";
import { NovaError, quote } from "../model/errors.ts";
import { instanceIDPattern, instanceIDSchema } from "../model/instance.ts";

// What the host keeps of a worker: enough to start it again as it was, and to be let in.

export const DEFAULT_WORKER_IMAGE = "novabot-worker:latest";

/** What a worker is started with. */
export interface WorkerSettings {
  readonly image: string;
  /** The program that the supervisor starts with itself, and its arguments; empty for none. */
  readonly argv: readonly string[];
  /** The program's instance id. */
  readonly instance: string;
  /** The program's port, given to it as PORT. */
  readonly port: number | null;
  readonly env: Readonly<Record<string, string>>;
  readonly network: "open" | "none";
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly pids: number;
}

export interface KeptWorker {
  readonly name: string;
  /** Opens its door. */
  readonly token: string;
  readonly settings: WorkerSettings;
  /** `starting`: nobody has seen it come up; its host may have died over it. */
  readonly state: "starting" | "up" | "stopped";
  /** Ports of 127.0.0.1 that lead to it, where the engine's containers cannot be reached by their addresses. */
  readonly published: { readonly door: number; readonly app: number | null } | null;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
}

const port = z.number().int().min(1).max(65_535);
const text = z.string().regex(/^[^\0]*$/);

export const keptWorkerSchema: z.ZodType<KeptWorker> = z.strictObject({
  name: instanceIDSchema,
  token: z.string().regex(/^[\x21-\x7e]{16,512}$/),
  settings: z.strictObject({
    image: z.string().min(1),
    argv: z.array(text),
    instance: instanceIDSchema,
    port: port.nullable(),
    env: z.record(z.string(), text),
    network: z.enum(["open", "none"]),
    memoryBytes: z.number().int().positive(),
    cpus: z.number().positive(),
    pids: z.number().int().positive(),
  }),
  state: z.enum(["starting", "up", "stopped"]),
  published: z.strictObject({ door: port, app: port.nullable() }).nullable(),
  startedAtMs: z.number(),
});

/** `name` when it can name a worker; whether another has it is the home's business. */
export function checkWorkerName(name: string): string {
  if (instanceIDPattern.test(name)) return name;
  throw new NovaError("WORKER_INVALID", `The worker's name ${quote(name)} is not valid.`, {
    place: "NAME",
    next: "Use 1 to 64 letters, digits, hyphens and underscores, beginning with a letter or digit.",
  });
}

/** What the supervisor goes by is the host's to say. */
const reserved = /^(NOVABOT_|LD_|NODE_OPTIONS$)/;

/** Throws WORKER_INVALID with the first setting that cannot hold on an engine of this size. */
export function checkSettings(settings: WorkerSettings, engine: { readonly cpus: number; readonly memoryBytes: number }): void {
  const refuse = (message: string, place: string, next: string): never => {
    throw new NovaError("WORKER_INVALID", message, { place, next });
  };
  for (const [name, value] of Object.entries(settings.env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) refuse(`${quote(name)} is no name of a variable.`, "--env", "Write NAME=VALUE.");
    if (reserved.test(name))
      refuse(
        `The variable ${quote(name)} is the supervisor's own.`,
        "--env",
        "Set it for the program alone: -- env NAME=VALUE CMD…",
      );
    if (value.includes("\0")) refuse(`The value of ${quote(name)} holds a null character.`, "--env", "Leave it out.");
  }
  if (settings.argv.some((word) => word.includes("\0"))) refuse("The command holds a null character.", "-- CMD", "Leave it out.");
  if (settings.argv[0] === "") refuse("The command's program is an empty text.", "-- CMD", "Name a program.");
  if (settings.port !== null && settings.argv.length === 0)
    refuse(`The port ${settings.port} is given, and no program.`, "--port", "Write the program after --.");
  if (settings.port === DOOR_PORT) {
    refuse(`The port ${DOOR_PORT} is the worker's own door.`, "--port", "Choose another for the program.");
  }
  if (settings.cpus > engine.cpus)
    refuse(`cpus is ${settings.cpus}, and the engine has ${engine.cpus}.`, "--cpus", `Give at most ${engine.cpus}.`);
  if (engine.memoryBytes > 0 && settings.memoryBytes > engine.memoryBytes)
    refuse(`memory is ${settings.memoryBytes} bytes, and the engine has ${engine.memoryBytes}.`, "--memory", "Give less.");
}

/** Of every worker, in its container. */
export const DOOR_PORT = 8080;
