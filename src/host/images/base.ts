import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Engine, ImageInfo } from "../../engine/engine.ts";
import { NovaError } from "../../model/errors.ts";
import { readDistribution } from "../machine/distribution.ts";
import { writeArchive } from "./archive.ts";
import { BaseUnavailable, type OnProgress, runBuild } from "./build.ts";
import { packContext } from "./context.ts";
import { type BuildImagesOptions, type BuiltImage, report, tagsOf } from "./options.ts";
import { nodeEntries } from "./packages.ts";
import { cacheDirectory, debianBasePlan, type DebianBasePlan, type ImagePlan, registryBasePlan } from "./plan.ts";
import { makeRootFileSystem, whyNoRootFileSystem } from "./rootfs.ts";
import { SOURCE_LABEL } from "./versions.ts";

/** A registry that has not answered by then is taken for one that cannot be reached. */
export const REGISTRY_PATIENCE_MS = 8000;

export interface BasePlans {
  readonly registry: ImagePlan;
  readonly debian: DebianBasePlan | undefined;
  /** Why there is no plan from Debian's packages. */
  readonly refusal: string | undefined;
  /** An image made from one of these is up to date. */
  readonly sources: readonly string[];
}

export async function basePlans(
  engine: Engine,
  options: Pick<BuildImagesOptions, "env" | "uid" | "distribution">,
): Promise<BasePlans> {
  const registry = await registryBasePlan(options.env);
  const distribution = options.distribution ?? (await readDistribution());
  const refusal = options.env["BASE_IMAGE"]
    ? "BASE_IMAGE names another one"
    : whyNoRootFileSystem(distribution, options.uid ?? process.getuid?.() ?? -1);
  const debian = refusal === undefined ? await debianBasePlan(distribution, (await engine.probe()).architecture) : undefined;
  return { registry, debian, refusal, sources: [registry.source, ...(debian ? [debian.source] : [])] };
}

/** Builds the base image from a registry's, or from Debian's packages where no registry can be reached. */
export async function buildBase(engine: Engine, options: BuildImagesOptions): Promise<BuiltImage> {
  const started = performance.now();
  const progress = options.progress ?? (() => undefined);
  const noCache = options.noCache ?? false;
  const tag = tagsOf(options).base;
  const plans = await basePlans(engine, options);
  const standing = await engine.findImage(tag);
  if (standing && !noCache && plans.sources.includes(standing.labels[SOURCE_LABEL] ?? "")) {
    return report("base", tag, standing, "up to date", started);
  }
  const patience = options.env["BASE_IMAGE"] ? {} : { pullPatienceMs: REGISTRY_PATIENCE_MS };
  let image: ImageInfo;
  try {
    image = await runBuild(engine, { ...plans.registry, tag }, { image: "base", noCache, progress, ...patience });
  } catch (error) {
    if (!(error instanceof BaseUnavailable)) throw error;
    if (!plans.debian) throw unavailable(plans, error);
    options.say(`The container registry cannot be reached, so the base image is made from Debian's packages: ${error.message}`);
    image = await buildFromDebian(engine, plans.debian, { ...options, noCache, progress, tag });
  }
  return report("base", tag, image, "built", started);
}

function unavailable(plans: BasePlans, error: BaseUnavailable): NovaError {
  const name = plans.registry.buildArgs["BASE_IMAGE"];
  const isDefault = plans.refusal !== "BASE_IMAGE names another one";
  return new NovaError("IMAGE_BUILD_FAILED", `The base image ${name} cannot be pulled: ${error.message}`, {
    place: isDefault ? "images/base/Dockerfile" : "BASE_IMAGE",
    next: isDefault
      ? `Set BASE_IMAGE to a Debian image with Node 24 that the engine has or can pull. (NovaBot could make one from Debian's packages, but ${plans.refusal}.)`
      : "Set BASE_IMAGE to an image that the engine has or can pull, or unset it.",
    cause: error,
  });
}

async function buildFromDebian(
  engine: Engine,
  plan: DebianBasePlan,
  options: BuildImagesOptions & { readonly noCache: boolean; readonly progress: OnProgress; readonly tag: string },
): Promise<ImageInfo> {
  const { env, install, say, noCache, progress, tag } = options;
  const directory = cacheDirectory(env);
  const event = { image: "base", step: null, steps: null, bytes: null, totalBytes: null } as const;
  const rootfs = await makeRootFileSystem(plan.rootFileSystem, directory, {
    env,
    install,
    fresh: noCache,
    say,
    onLine: (text) => progress({ ...event, phase: "rootfs", text }),
  });
  progress({ ...event, phase: "done", text: "" });
  const node = join(directory, `node-${process.pid}.tar`);
  try {
    await writeArchive(node, packContext(await nodeEntries(plan.node, directory, env)));
    const entries = [
      { path: "Dockerfile", mode: 0o644, content: plan.dockerfile },
      { path: "rootfs.tar", mode: 0o644, file: rootfs },
      { path: "node.tar", mode: 0o644, file: node },
    ];
    return await runBuild(engine, { tag, source: plan.source, buildArgs: {}, entries }, { image: "base", noCache, progress });
  } finally {
    await rm(node, { force: true });
  }
}
