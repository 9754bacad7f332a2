import type { Command } from "commander";
import { openHome, type Home } from "../agents/home/home.ts";
import type { Engine } from "../engine/engine.ts";
import { findEngine } from "../host/engines/find.ts";
import { createLogger, Installation } from "../host/installation.ts";
import type { CLIContext } from "./context.ts";
import { chosenHomePath } from "./home-path.ts";

export async function openChosenHome(command: Command, context: CLIContext, create: boolean): Promise<Home> {
  return await openHome(chosenHomePath(command, context), { create });
}

/** Opens `home` on `engine` for as long as `use` takes. Structured logs are silent unless LOG_LEVEL asks for them. */
export async function useInstallation<T>(
  home: Home,
  engine: Engine,
  context: CLIContext,
  use: (installation: Installation) => Promise<T>,
): Promise<T> {
  const logger = createLogger(context.env, "silent");
  const installation = await Installation.open({ home, engine, env: context.env, logger });
  try {
    return await use(installation);
  } finally {
    await installation.close();
  }
}

/** Opens the chosen home on the engine that answers, and does first what a host does on its start. */
export async function withInstallation<T>(
  command: Command,
  context: CLIContext,
  use: (installation: Installation) => Promise<T>,
): Promise<T> {
  const home = await openChosenHome(command, context, false);
  return await useInstallation(home, await findEngine(context.env), context, async (installation) => {
    const { containers } = await installation.cleanUp();
    if (containers.length) {
      context.note(`Removed ${containers.length} container(s) that a host which is gone had left: ${containers.join(", ")}`);
    }
    return await use(installation);
  });
}
