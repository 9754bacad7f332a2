import { Argument, type Command, Option } from "commander";
import { findEngine } from "../host/engines/find.ts";
import type { ImageName } from "../host/images/build.ts";
import { buildImages, type BuiltImage, listImages } from "../host/images/images.ts";
import { formatSize } from "../model/size.ts";
import type { CLIContext } from "./context.ts";
import { formatDuration, table } from "./output.ts";
import { buildProgress } from "./progress.ts";

interface BuildOptions {
  readonly cache: boolean;
  readonly withCa?: boolean;
  readonly withoutCa?: boolean;
  readonly node?: "22" | "24";
  readonly install: boolean;
  readonly json?: boolean;
}

export function addImageCommand(program: Command, context: CLIContext): void {
  const image = program.command("image").description("Build and list the images that agents and workers run in.");
  image
    .command("build")
    .description("Build what is missing or has changed: the base image, and the agents' or the workers' on it.")
    .addArgument(
      new Argument("[image]", "which one; agent and worker bring base with them")
        .choices(["base", "agent", "worker"])
        .default("agent"),
    )
    .option("--no-cache", "build anew what is up to date, too")
    .option("--with-ca", "leave this machine's certificates in the image")
    .addOption(new Option("--without-ca", "take them out again").conflicts("withCa"))
    .addOption(new Option("--node <line>", "which Node the workers' programs get (24 unless told)").choices(["22", "24"]))
    .option("--no-install", "install nothing on this machine")
    .option("--json", "print JSON")
    .action(async (which: ImageName, options: BuildOptions) => {
      const engine = await findEngine(context.env);
      const built = await buildImages(engine, {
        which,
        env: context.env,
        install: options.install,
        noCache: !options.cache,
        ...(options.withCa || options.withoutCa ? { withCA: options.withCa === true } : {}),
        ...(options.node ? { node: options.node === "22" ? 22 : 24 } : {}),
        say: (line) => context.note(line),
        progress: buildProgress(context),
      });
      if (options.json) return context.printJSON({ engine: engine.name, images: built });
      for (const line of builtLines(built)) context.print(line);
    });
  image
    .command("list")
    .description("List NovaBot's images on the engine, and whether they are up to date.")
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean }) => {
      const engine = await findEngine(context.env);
      const images = await listImages(engine, context.env);
      if (options.json) return context.printJSON({ engine: engine.name, images });
      const rows = images.map(({ tag, state, id, sizeBytes }) => [
        tag,
        state,
        id === null ? "-" : id.replace(/^sha256:/, "").slice(0, 12),
        sizeBytes === null ? "-" : formatSize(sizeBytes),
      ]);
      for (const line of table(["IMAGE", "STATE", "ID", "SIZE"], rows)) context.print(line);
    });
}

/** What was done for each image, for people. */
export function builtLines(images: readonly BuiltImage[]): string[] {
  return images.map(({ tag, id, action, sizeBytes, durationMs }) => {
    const what = `${id.replace(/^sha256:/, "").slice(0, 12)}, ${formatSize(sizeBytes)}`;
    return action === "built" ? `${tag} built in ${formatDuration(durationMs)} (${what})` : `${tag} is up to date (${what})`;
  });
}
