import { mkdir, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { withFileLock } from "../../agents/turns/file-lock.ts";
import type { Engine } from "../../engine/engine.ts";
import { runBuild } from "./build.ts";
import { type ContextEntry, hashEntries } from "./context.ts";
import { removeReplaced } from "./images.ts";
import { type BuildImagesOptions, type BuiltImage, report, tagsOf } from "./options.ts";
import { nodeArchitecture } from "./packages.ts";
import { cacheDirectory } from "./plan.ts";
import { bundleSupervisor, imageFile } from "./sources.ts";
import { SMALL_WORKER_TAG, SOURCE_LABEL } from "./versions.ts";

const PTY = "@lydell/node-pty";

/**
 * Builds, on the base image that is there, a worker's image that holds the supervisor alone. Its native part comes from this installation's own
 * packages, so nothing is fetched. Undefined where those have none for the engine's machines.
 */
export async function buildSmallWorker(
  engine: Engine,
  options: Pick<BuildImagesOptions, "env" | "say" | "progress" | "tags">,
): Promise<BuiltImage | undefined> {
  const started = performance.now();
  const architecture = nodeArchitecture((await engine.probe()).architecture);
  const pty = await packageEntries(PTY);
  const native = await packageEntries(`${PTY}-linux-${architecture}`);
  const base = tagsOf(options).base;
  const baseID = (await engine.findImage(base))?.id;
  if (!pty || !native || baseID === undefined) return undefined;
  const directory = cacheDirectory(options.env);
  await mkdir(directory, { recursive: true });
  return await withFileLock(
    join(directory, "build.lock"),
    () => options.say("Another NovaBot builds images on this machine; waiting for it."),
    async () => {
      const entries: ContextEntry[] = [
        { path: "Dockerfile", mode: 0o644, content: await imageFile("worker/Dockerfile.small") },
        ...(await supervisorEntries()),
        ...pty,
        ...native,
      ];
      const source = await hashEntries(entries, { baseID });
      const standing = await engine.findImage(SMALL_WORKER_TAG);
      if (standing && standing.labels[SOURCE_LABEL] === source)
        return report("worker", SMALL_WORKER_TAG, standing, "up to date", started);
      const plan = { tag: SMALL_WORKER_TAG, source, entries, buildArgs: { BASE: base } };
      const progress = options.progress ?? (() => undefined);
      const image = await runBuild(engine, plan, { image: "worker", noCache: false, progress });
      if (standing) await removeReplaced(engine, standing.id);
      return report("worker", SMALL_WORKER_TAG, image, "built", started);
    },
  );
}

async function supervisorEntries(): Promise<ContextEntry[]> {
  const { supervisor, command } = await bundleSupervisor();
  return [
    { path: "container/supervisor.mjs", mode: 0o644, content: supervisor },
    { path: "container/cli-tools.js", mode: 0o644, content: command },
    { path: "container/package.json", mode: 0o644, content: '{ "name": "novabot-worker", "private": true, "type": "module" }\n' },
    { path: "container/cli-tools.sh", mode: 0o755, content: await imageFile("worker/cli-tools.sh") },
    { path: "container/start.sh", mode: 0o755, content: await imageFile("worker/start.sh") },
  ];
}

/** The files of an installed package, in the order of their names; undefined where it is not installed. */
async function packageEntries(name: string): Promise<ContextEntry[] | undefined> {
  let directory: string;
  try {
    directory = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => ({ path: `container/node_modules/${name}${file.slice(directory.length)}`, mode: 0o644, file }));
}
