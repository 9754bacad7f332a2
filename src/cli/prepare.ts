import type { Engine } from "../engine/engine.ts";
import { buildImages } from "../host/images/images.ts";
import { isPrivateEngineRunning, setUp, stopPrivateEngine } from "../host/setup/setup.ts";
import type { CLIContext } from "./context.ts";
import { buildProgress } from "./progress.ts";

/** What `demo` and `test` do first: an engine that answers, and the images on it. */
export async function prepareMachine(context: CLIContext, options: { readonly install: boolean }): Promise<Engine> {
  const { env } = context;
  const say = (line: string): void => context.note(line);
  const engine = await setUp(env, { install: options.install, say });
  await buildImages(engine, { which: "agent", env, install: options.install, say, progress: buildProgress(context) });
  return engine;
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
