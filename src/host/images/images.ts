import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Engine, ImageInfo } from "../../engine/engine.ts";
import { NovaError } from "../../model/errors.ts";
import { withFileLock } from "../../agents/turns/file-lock.ts";
import type { Environment } from "../state.ts";
import { basePlans, buildBase } from "./base.ts";
import { type ImageName, runBuild } from "./build.ts";
import { hostRegistry } from "./host-settings.ts";
import { type BuildImagesOptions, type BuiltImage, report, tagsOf } from "./options.ts";
import { agentPlan, cacheDirectory } from "./plan.ts";
import { AGENT_TAG, BASE_TAG, SOURCE_LABEL, WORKER_TAG } from "./versions.ts";
import { buildWorker, choicesOf, hasCertificates, workerPlans } from "./worker.ts";

export type { BuildImagesOptions, BuiltImage } from "./options.ts";

export interface ListedImage {
  readonly name: ImageName;
  readonly tag: string;
  readonly state: "missing" | "up to date" | "outdated";
  readonly id: string | null;
  readonly sizeBytes: number | null;
}

/**
 * Builds the images that are missing or whose sources have changed, in order. Rejects with `IMAGE_BUILD_FAILED`, which says the
 * failing step, its last lines and the next thing to do.
 */
export async function buildImages(engine: Engine, options: BuildImagesOptions): Promise<BuiltImage[]> {
  const directory = cacheDirectory(options.env);
  await mkdir(directory, { recursive: true });
  return await withFileLock(
    join(directory, "build.lock"),
    () => options.say("Another NovaBot builds images on this machine; waiting for it."),
    async () => {
      const { which } = options;
      const tags = tagsOf(options);
      // Children first: an image goes only after those that are made from it.
      const before = [await engine.findImage(tags.worker), await engine.findImage(tags.agent), await engine.findImage(tags.base)];
      const base = await buildBase(engine, { ...options, noCache: options.noCache === true && which === "base" });
      const built = [base];
      if (which === "agent") built.push(await buildAgent(engine, options, base.id));
      if (which === "worker") built.push(await buildWorker(engine, options, base.id));
      for (const image of before) if (image) await removeReplaced(engine, image.id);
      return built;
    },
  );
}

async function buildAgent(engine: Engine, options: BuildImagesOptions, baseID: string): Promise<BuiltImage> {
  const started = performance.now();
  const tags = tagsOf(options);
  const standing = await engine.findImage(tags.agent);
  const plan = await agentPlan(options.env, baseID, options.withCA ?? hasCertificates(standing));
  if (standing && !options.noCache && standing.labels[SOURCE_LABEL] === plan.source) {
    return report("agent", tags.agent, standing, "up to date", started);
  }
  const buildArgs = { ...plan.buildArgs, BASE: tags.base, NPM_REGISTRY: await hostRegistry(options.env) };
  const named = { ...plan, tag: tags.agent, buildArgs };
  const progress = options.progress ?? (() => undefined);
  const image = await runBuild(engine, named, { image: "agent", noCache: options.noCache ?? false, progress });
  return report("agent", tags.agent, image, "built", started);
}

/** Removes the image `id` when no name is left to it. A container or another image that needs it keeps it. */
export async function removeReplaced(engine: Engine, id: string): Promise<void> {
  try {
    const image = await engine.findImage(id);
    if (image && image.tags.length === 0) await engine.removeImage(id);
  } catch (error) {
    // The build has succeeded; what the engine does not let go is only room on its disk.
    if (!(error instanceof NovaError)) throw error;
  }
}

/** What the engine has of NovaBot's images, without building anything. */
export async function listImages(engine: Engine, env: Environment): Promise<ListedImage[]> {
  const list = (name: ImageName, tag: string, image: ImageInfo | undefined, sources: readonly string[]): ListedImage => ({
    name,
    tag,
    state: image === undefined ? "missing" : sources.includes(image.labels[SOURCE_LABEL] ?? "") ? "up to date" : "outdated",
    id: image?.id ?? null,
    sizeBytes: image?.sizeBytes ?? null,
  });
  const [base, agent] = [await engine.findImage(BASE_TAG), await engine.findImage(AGENT_TAG)];
  const worker = await engine.findImage(WORKER_TAG);
  const plans = await basePlans(engine, { env });
  const plan = base ? await agentPlan(env, base.id, hasCertificates(agent)) : undefined;
  const workers = base && worker ? await workerPlans(env, { id: base.id, tag: BASE_TAG }, choicesOf(worker, {})) : undefined;
  return [
    list("base", BASE_TAG, base, plans.sources),
    list("agent", AGENT_TAG, agent, plan ? [plan.source] : []),
    list("worker", WORKER_TAG, worker, workers?.sources ?? []),
  ];
}
