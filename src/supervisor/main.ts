import { errorCodes, messageOf, NovaError } from "../model/errors.ts";
import { readSettings } from "./settings.ts";
import { startSupervisor } from "./supervisor.ts";

/** After the grace of a stop, so long is left for what does not end. */
const LAST_MS = 500;

function tell(message: string): void {
  process.stderr.write(`novabot supervisor: ${message}\n`);
}

/** Ends the process with the reason in its log. Under PID 1 that ends the container, whose restart policy decides. */
function fail(what: string, thrown: unknown): never {
  if (thrown instanceof NovaError) {
    tell(`${what}: ${thrown.message} [${thrown.code}]`);
    tell(thrown.next);
    process.exit(errorCodes[thrown.code].exit);
  }
  tell(`${what}: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown)}`);
  process.exit(errorCodes.INTERNAL.exit);
}

/** What the container says to every Node is for its programs: whoever starts the supervisor keeps it from this one, and hands it on. */
function withProgramsOptions(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NOVABOT_WORKER_NODE_OPTIONS: options, ...rest } = env;
  return options === undefined ? rest : { ...rest, NODE_OPTIONS: options };
}

async function main(): Promise<void> {
  process.on("uncaughtException", (error) => fail("it broke down", error));
  process.on("unhandledRejection", (reason) => fail("it broke down", reason));
  // Whoever reads its log may go; that is no reason to end.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

  // A signal while it boots ends it when it has booted: nothing is left half made.
  const { promise: signalled, resolve } = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => resolve(signal));

  const env = withProgramsOptions(process.env);
  const settings = readSettings(process.argv.slice(2), env);
  const version = process.env.NOVABOT_VERSION ?? "unknown";
  const supervisor = await startSupervisor({ settings, env, directory: process.cwd(), version, tell });
  const { worker, bootID } = supervisor.identity;
  tell(
    `Version ${version} supervises ${worker}, boot ${bootID}, at ${settings.socketPath}${supervisor.port === null ? "" : ` and on port ${supervisor.port}`}.`,
  );

  const signal = await signalled;
  tell(`${signal} came; everything ends within ${settings.stopGraceMs} ms.`);
  setTimeout(() => fail("it stops", new Error("not everything ended within the grace")), settings.stopGraceMs + LAST_MS);
  await supervisor.stop(signal);
  process.exit(0);
}

main().catch((error: unknown) => fail("it cannot run", error));
