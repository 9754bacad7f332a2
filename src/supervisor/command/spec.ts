import { resolve } from "node:path";
import { NovaError, quote } from "../../model/errors.ts";
import { type InstanceSpec, instanceSpecSchema } from "../../model/instance.ts";
import { given } from "../../model/option-values.ts";
import type { Context } from "./context.ts";

/** The options of `process start` as commander reads them; durations are milliseconds. */
export interface StartOptions {
  readonly instanceId: string;
  readonly port?: number;
  readonly cwd?: string;
  readonly env?: readonly string[];
  readonly restart?: "never" | "on-failure" | "always";
  readonly maxRestarts?: number | null;
  readonly restartWindow?: number;
  readonly backoff?: number;
  readonly maxBackoff?: number;
  readonly healthyAfter?: number;
  readonly grace?: number;
  readonly readyPort?: number;
  readonly readyPath?: string;
  readonly readyCommand?: string;
  readonly readyInterval?: number;
  readonly readyTimeout?: number;
  readonly readyFailures?: number;
  readonly livePort?: number;
  readonly livePath?: string;
  readonly liveCommand?: string;
  readonly liveInterval?: number;
  readonly liveTimeout?: number;
  readonly liveFailures?: number;
  readonly startGrace?: number;
  readonly after?: readonly string[];
  readonly logRate?: number;
  readonly logOverflow?: "slow" | "sample";
}

/** The instance that the command line describes; what it does not say gets the schema's default. Throws INSTANCE_INVALID. */
export function specOf(
  argv: readonly string[],
  options: StartOptions,
  { env, directory }: Pick<Context, "env" | "directory">,
): InstanceSpec {
  const port = options.port ?? null;
  const spec = {
    id: options.instanceId,
    argv,
    directory: resolve(directory, options.cwd ?? "."),
    env: environmentOf(options.env ?? [], env),
    port,
    restart: given({
      when: options.restart,
      maxRestarts: options.maxRestarts,
      windowMs: options.restartWindow,
      delayMs: options.backoff,
      maxDelayMs: options.maxBackoff,
      healthyAfterMs: options.healthyAfter,
    }),
    readiness: probeOf("ready", port, {
      port: options.readyPort,
      path: options.readyPath,
      command: options.readyCommand,
      intervalMs: options.readyInterval,
      timeoutMs: options.readyTimeout,
      failures: options.readyFailures,
    }),
    liveness: probeOf("live", port, {
      port: options.livePort,
      path: options.livePath,
      command: options.liveCommand,
      intervalMs: options.liveInterval,
      timeoutMs: options.liveTimeout,
      failures: options.liveFailures,
    }),
    after: options.after ?? [],
    output: given({ linesPerSecond: options.logRate, overflow: options.logOverflow }),
    ...given({ stopGraceMs: options.grace, startGraceMs: options.startGrace }),
  };
  const read = instanceSpecSchema.safeParse(spec);
  if (read.success) return read.data;
  const wrong = read.error.issues.map((issue) => `${issue.path.map(String).join(".")}: ${issue.message}`).join("; ");
  throw new NovaError("INSTANCE_INVALID", `The instance ${quote(options.instanceId)} cannot be like that: ${wrong}.`);
}

/** `K=V`, or `K` alone for the value that it has in this shell. */
function environmentOf(pairs: readonly string[], env: Context["env"]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      const name = at === -1 ? pair : pair.slice(0, at);
      const value = at === -1 ? env[name] : pair.slice(at + 1);
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
        throw invalid("--env", `${quote(pair)} does not begin with the name of a variable.`, "Say --env NAME=VALUE.");
      if (value === undefined)
        throw invalid("--env", `The variable ${quote(name)} is not set in this shell.`, `Say --env ${name}=VALUE.`);
      return [name, value];
    }),
  );
}

interface ProbeOptions {
  readonly port: number | undefined;
  readonly path: string | undefined;
  readonly command: string | undefined;
  readonly intervalMs: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly failures: number | undefined;
}

function probeOf(name: "ready" | "live", ownPort: number | null, options: ProbeOptions): object | null {
  const { path, command, intervalMs, timeoutMs, failures } = options;
  const timing = given({ intervalMs, timeoutMs, failures });
  if (command !== undefined) {
    if (options.port !== undefined || path !== undefined)
      throw invalid(
        `--${name}-command`,
        `A command is asked, or a port, not both.`,
        `Leave out --${name}-port and --${name}-path.`,
      );
    return { ...timing, target: { kind: "command", argv: ["/bin/sh", "-c", command] } };
  }
  if (path !== undefined) {
    const port = options.port ?? ownPort;
    if (port === null)
      throw invalid(`--${name}-path`, "There is no port to ask for that path.", `Say --${name}-port, or --port of the instance.`);
    return { ...timing, target: { kind: "http", port, path } };
  }
  if (options.port !== undefined) return { ...timing, target: { kind: "port", port: options.port } };
  if (Object.keys(timing).length === 0) return null;
  throw invalid(
    `--${name}-…`,
    "It is said how often to ask, and not what.",
    `Say --${name}-port, --${name}-path or --${name}-command.`,
  );
}

function invalid(place: string, message: string, next: string): NovaError {
  return new NovaError("INSTANCE_INVALID", message, { place, next });
}
