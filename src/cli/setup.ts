import type { Command } from "commander";
import { buildImages } from "../host/images/images.ts";
import { setUp, stopPrivateEngine } from "../host/setup/setup.ts";
import type { CLIContext } from "./context.ts";
import { builtLines } from "./image.ts";
import { formatDuration } from "./output.ts";
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
          images,
          durationMs,
        });
      }
      for (const line of builtLines(images)) context.print(line);
      context.print(`Set up in ${formatDuration(durationMs)}. Next: novabot demo`);
    });
}
