import type { Command } from "commander";
import { ensureCompose } from "../host/compose/bring.ts";
import type { ComposeProgram } from "../host/compose/program.ts";
import { buildImages } from "../host/images/images.ts";
import { setUp, stopPrivateEngine } from "../host/setup/setup.ts";
import { messageOf } from "../model/errors.ts";
import type { CLIContext } from "./context.ts";
import { builtLines } from "./image.ts";
import { formatDuration, visible } from "./output.ts";
import { buildProgress } from "./progress.ts";

export function addSetupCommand(program: Command, context: CLIContext): void {
  program
    .command("setup")
    .description("Find a container engine, or install and start a private one, and build the images.")
    .option("--no-install", "install nothing on this machine")
    .option("--stop", "stop the private engine; its images and data stay")
    .option("--json", "print JSON")
    .action(async (options: { install: boolean; stop?: boolean; json?: boolean }) => {
      if (options.stop) {
        const stopped = await stopPrivateEngine(context.env);
        if (options.json) return context.printJSON({ stopped });
        return context.print(
          stopped ? "The private engine is stopped; its images and data stay." : "No private engine is running.",
        );
      }
      const started = performance.now();
      const say = (line: string): void => context.note(line);
      const engine = await setUp(context.env, { install: options.install, say });
      const { product, version, endpoint } = await engine.probe();
      const engineMs = Math.round(performance.now() - started);
      if (!options.json) context.print(`${product} ${version} answers at ${endpoint} (${formatDuration(engineMs)})`);
      const compose = await composeFor(engine.name, endpoint, context);
      if (!options.json && compose) context.print(`Compose ${compose.version} is there for modules (${compose.argv.join(" ")})`);
      const images = await buildImages(engine, {
        which: "agent",
        env: context.env,
        install: options.install,
        say,
        progress: buildProgress(context),
      });
      const durationMs = Math.round(performance.now() - started);
      if (options.json) {
        return context.printJSON({
          engine: { name: engine.name, product, version, endpoint, durationMs: engineMs },
          compose: compose ? { flavour: compose.flavour, version: compose.version, argv: compose.argv } : null,
          images,
          durationMs,
        });
      }
      for (const line of builtLines(images)) context.print(line);
      context.print(`Set up in ${formatDuration(durationMs)}. Next: novabot demo`);
    });
}

/** Modules need a Compose program; agents need none, so that its absence is told and stops nothing. */
async function composeFor(name: string, endpoint: string, context: CLIContext): Promise<ComposeProgram | undefined> {
  try {
    return await ensureCompose({ name, endpoint }, context.env, (line) => context.note(line));
  } catch (error) {
    context.note(`There is no Compose, which modules need: ${visible(messageOf(error))}`);
    return undefined;
  }
}
