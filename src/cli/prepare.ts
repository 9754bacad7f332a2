import type { Engine } from "../engine/engine.ts";
import { buildImages } from "../host/images/images.ts";
import { isPrivateEngineRunning, setUp, stopPrivateEngine } from "../host/setup/setup.ts";
import type { CLIContext } from "./context.ts";
import { buildProgress } from "./progress.ts";

/** What `demo` and `test` do first: an engine that answers, and the agents' image on it. */
export async function prepareMachine(context: CLIContext, options: { readonly install: boolean }): Promise<Engine> {
  const engine = await setUp(context.env, { install: options.install, say: (line) => context.note(line) });
  await buildImage(context, engine, "agent", options);
  return engine;
}

/** Builds an image that is missing or has changed, with the base image. */
export async function buildImage(
  context: CLIContext,
  engine: Engine,
  which: "agent" | "worker",
  { install }: { readonly install: boolean },
): Promise<void> {
  const say = (line: string): void => context.note(line);
  await buildImages(engine, { which, env: context.env, install, say, progress: buildProgress(context) });
}

/**
 * Runs `work` and then stops the private engine if it began while `work` ran, however that ended; its images stay for the
 * next time.
 */
export async function leavingNoEngine<T>(env: CLIContext["env"], work: () => Promise<T>): Promise<T> {
  const wasRunning = await isPrivateEngineRunning(env);
  try {
    return await work();
  } finally {
    if (!wasRunning) await stopPrivateEngine(env);
  }
}
