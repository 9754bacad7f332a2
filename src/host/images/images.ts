import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Engine, ImageInfo } from "../../engine/engine.ts";
import { NovaError } from "../../model/errors.ts";
import { type Distribution, readDistribution } from "../setup/distribution.ts";
import { withLock } from "../setup/lock.ts";
import type { Environment } from "../state.ts";
import { BaseUnavailable, type ImageName, type OnProgress, runBuild } from "./build.ts";
import { packContext } from "./context.ts";
import { writeArchive } from "./archive.ts";
import { nodeEntries } from "./packages.ts";
import { agentPlan, cacheDirectory, debianBasePlan, type DebianBasePlan, type ImagePlan, registryBasePlan } from "./plan.ts";
import { makeRootFileSystem, whyNoRootFileSystem } from "./rootfs.ts";
import { AGENT_TAG, BASE_TAG, CERTIFICATES_LABEL, SOURCE_LABEL } from "./versions.ts";

export interface BuildImagesOptions {
  /** `agent` brings the base image with it. */
  readonly which: ImageName;
  readonly env: Environment;
  /** False forbids installing mmdebstrap. */
  readonly install: boolean;
  say(line: string): void;
  readonly progress?: OnProgress;
  /** Builds anew what is up to date, too. */
  readonly noCache?: boolean;
  /** Leaves the host's certificates in the agent image; what the image has now decides when left out. */
  readonly withCA?: boolean;
  readonly uid?: number;
  readonly distribution?: Distribution;
}

export interface BuiltImage {
  readonly name: ImageName;
  readonly tag: string;
  readonly id: string;
  readonly sizeBytes: number;
  readonly action: "built" | "up to date";
  readonly durationMs: number;
}

export interface ListedImage {
  readonly name: ImageName;
  readonly tag: string;
  readonly state: "missing" | "up to date" | "outdated";
  readonly id: string | null;
  readonly sizeBytes: number | null;
}

const REGISTRY_PATIENCE_MS = 8000;

function done(name: ImageName, tag: string, image: ImageInfo, action: BuiltImage["action"], startedMs: number): BuiltImage {
  return { name, tag, id: image.id, sizeBytes: image.sizeBytes, action, durationMs: Math.round(performance.now() - startedMs) };
}

/**
 * Builds the images that are missing or whose sources have changed, in order. Rejects with `IMAGE_BUILD_FAILED`, which says the
 * failing step, its last lines and the next thing to do.
 */
export async function buildImages(engine: Engine, options: BuildImagesOptions): Promise<BuiltImage[]> {
  const lock = join(cacheDirectory(options.env), "build.lock");
  return await withLock(lock, () => options.say("Another NovaBot builds images on this machine; waiting for it."), async () => {
    const base = await buildBase(engine, { ...options, noCache: options.noCache === true && options.which === "base" });
    return options.which === "base" ? [base] : [base, await buildAgent(engine, options, base.id)];
  });
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
  const plans = await basePlans(engine, { env });
  const plan = base ? await agentPlan(env, base.id, agent?.labels[CERTIFICATES_LABEL] === "host") : undefined;
  return [list("base", BASE_TAG, base, plans.sources), list("agent", AGENT_TAG, agent, plan ? [plan.source] : [])];
}

interface BasePlans {
  readonly registry: ImagePlan;
  readonly debian: DebianBasePlan | undefined;
  /** Why there is no plan from Debian's packages. */
  readonly refusal: string | undefined;
  /** An image made from one of these is up to date. */
  readonly sources: readonly string[];
}

async function basePlans(engine: Engine, options: Pick<BuildImagesOptions, "env" | "uid" | "distribution">): Promise<BasePlans> {
  const registry = await registryBasePlan(options.env);
  const distribution = options.distribution ?? (await readDistribution());
  const refusal = options.env["BASE_IMAGE"]
    ? "BASE_IMAGE names another one"
    : whyNoRootFileSystem(distribution, options.uid ?? process.getuid?.() ?? -1);
  const debian = refusal === undefined ? await debianBasePlan(distribution, (await engine.probe()).architecture) : undefined;
  return { registry, debian, refusal, sources: [registry.source, ...(debian ? [debian.source] : [])] };
}

async function buildBase(engine: Engine, options: BuildImagesOptions): Promise<BuiltImage> {
  const started = performance.now();
  const progress = options.progress ?? (() => undefined);
  const noCache = options.noCache ?? false;
  const chosen = Boolean(options.env["BASE_IMAGE"]);
  const { registry, debian, refusal, sources } = await basePlans(engine, options);

  const standing = await engine.findImage(BASE_TAG);
  if (standing && !noCache && sources.includes(standing.labels[SOURCE_LABEL] ?? "")) {
    return done("base", BASE_TAG, standing, "up to date", started);
  }
  try {
    const patience = chosen ? {} : { pullPatienceMs: REGISTRY_PATIENCE_MS };
    const image = await runBuild(engine, registry, { image: "base", noCache, progress, ...patience });
    return done("base", BASE_TAG, image, "built", started);
  } catch (error) {
    if (!(error instanceof BaseUnavailable)) throw error;
    const reason = error.message.split("\n").find((line) => /registry|lookup|dial|x509|timeout|denied|EOF|not found|answer/i.test(line)) ?? error.message;
    if (!debian) {
      throw new NovaError("IMAGE_BUILD_FAILED", `The base image ${registry.buildArgs["BASE_IMAGE"]} cannot be pulled: ${reason.trim()}`, {
        place: chosen ? "BASE_IMAGE" : "images/base/Dockerfile",
        next: chosen
          ? "Set BASE_IMAGE to an image that the engine has or can pull, or unset it."
          : `Set BASE_IMAGE to a Debian image with Node 24 that the engine has or can pull. (Without a registry NovaBot makes one from Debian's packages, but ${refusal}.)`,
        cause: error,
      });
    }
    options.say(`The container registry cannot be reached, so the base image is made from Debian's packages (${reason.trim().slice(0, 160)}).`);
    const image = await buildFromDebian(engine, debian, { ...options, noCache, progress });
    return done("base", BASE_TAG, image, "built", started);
  }
}

async function buildFromDebian(
  engine: Engine,
  plan: DebianBasePlan,
  options: BuildImagesOptions & { readonly noCache: boolean; readonly progress: OnProgress },
): Promise<ImageInfo> {
  const directory = cacheDirectory(options.env);
  const event = { image: "base", phase: "rootfs", step: null, steps: null, bytes: null, totalBytes: null } as const;
  const rootfs = await makeRootFileSystem(plan.rootFileSystem, directory, {
    env: options.env,
    install: options.install,
    fresh: options.noCache,
    say: options.say,
    onLine: (text) => options.progress({ ...event, text }),
  });
  options.progress({ ...event, phase: "done", text: "" });
  const node = join(directory, `node-${process.pid}.tar`);
  await writeArchive(node, packContext(await nodeEntries(plan.node, directory, options.env)));
  const build: ImagePlan = {
    tag: BASE_TAG,
    source: plan.source,
    buildArgs: {},
    entries: [
      { path: "Dockerfile", mode: 0o644, content: plan.dockerfile },
      { path: "rootfs.tar", mode: 0o644, file: rootfs },
      { path: "node.tar", mode: 0o644, file: node },
    ],
  };
  try {
    return await runBuild(engine, build, { image: "base", noCache: options.noCache, progress: options.progress });
  } finally {
    await rm(node, { force: true });
  }
}

async function buildAgent(engine: Engine, options: BuildImagesOptions, baseID: string): Promise<BuiltImage> {
  const started = performance.now();
  const standing = await engine.findImage(AGENT_TAG);
  const plan = await agentPlan(options.env, baseID, options.withCA ?? standing?.labels[CERTIFICATES_LABEL] === "host");
  if (standing && !options.noCache && standing.labels[SOURCE_LABEL] === plan.source) {
    return done("agent", AGENT_TAG, standing, "up to date", started);
  }
  const progress = options.progress ?? (() => undefined);
  const image = await runBuild(engine, plan, { image: "agent", noCache: options.noCache ?? false, progress });
  return done("agent", AGENT_TAG, image, "built", started);
}
