import type { Engine } from "../engine/engine.ts";
import { buildImages } from "../host/images/images.ts";
import { isPrivateEngineRunning, setUp, stopPrivateEngine } from "../host/setup/setup.ts";
import { prepareTests } from "../host/setup/tests.ts";
import type { Environment } from "../host/state.ts";
import type { CLIContext } from "./context.ts";
import { buildProgress } from "./progress.ts";

export interface PreparedMachine {
  readonly engine: Engine;
  readonly env: Environment;
  /** Stops the private engine when this preparation started it; its images stay for the next time. */
  release(): Promise<void>;
}

/** What `demo` and `test` do first: an engine that answers, and the images on it. */
export async function prepareMachine(
  context: CLIContext,
  options: { readonly install: boolean; readonly forTests: boolean },
): Promise<PreparedMachine> {
  const { env } = context;
  const say = (line: string): void => context.note(line);
  const wasRunning = await isPrivateEngineRunning(env);
  const engine = await setUp(env, { install: options.install, say });
  const progress = buildProgress(context);
  await buildImages(engine, { which: "agent", env, install: options.install, say, progress });
  if (options.forTests) await prepareTests(env, { install: options.install, say });
  return {
    engine,
    env,
    async release() {
      if (!wasRunning && (await isPrivateEngineRunning(env))) await stopPrivateEngine(env);
    },
  };
}
