import type { Engine, ImageInfo } from "../../engine/engine.ts";
import { NovaError } from "../../model/errors.ts";
import type { Environment } from "../state.ts";
import { REGISTRY_PATIENCE_MS } from "./base.ts";
import { BaseUnavailable, runBuild } from "./build.ts";
import { type ContextEntry, hashEntries } from "./context.ts";
import { hostCertificates, hostRegistry } from "./host-settings.ts";
import { type BuildImagesOptions, type BuiltImage, report, tagsOf, type WorkerNode } from "./options.ts";
import type { ImagePlan } from "./plan.ts";
import { bundleSupervisor, imageFile } from "./sources.ts";
import {
  BUN_VERSION,
  CERTIFICATES_LABEL,
  DEFAULT_WORKER_BASE_IMAGE,
  NODE_LABEL,
  NODE_PTY_VERSION,
  NPM_VERSION,
  SOURCE_LABEL,
  TYPESCRIPT_VERSION,
  WORKER_NODE_VERSIONS,
  WORKER_TAG,
} from "./versions.ts";

/** The variable that names another image for workers to be built on. */
const BASE_VARIABLE = "NOVABOT_WORKER_BASE_IMAGE";

/** What a build may choose, and a later one keeps. */
export interface WorkerChoices {
  readonly withCA: boolean;
  readonly node: WorkerNode;
}

export interface WorkerPlans {
  /** On the image that the requirement names, or on the one that the environment does. */
  readonly registry: ImagePlan;
  /** On NovaBot's own base, for where no registry answers; undefined where the environment names an image. */
  readonly own: ImagePlan | undefined;
  /** An image made from one of these is up to date. */
  readonly sources: readonly string[];
}

/** `base` is NovaBot's base image, with which everything is fetched as well. */
export async function workerPlans(
  env: Environment,
  base: { readonly id: string; readonly tag: string },
  { withCA, node }: WorkerChoices,
): Promise<WorkerPlans> {
  const certificates = await hostCertificates(env);
  const { supervisor, command } = await bundleSupervisor();
  const lasting: ContextEntry[] = [
    { path: "Dockerfile", mode: 0o644, content: await imageFile("worker/Dockerfile") },
    { path: "container/supervisor.mjs", mode: 0o644, content: supervisor },
    { path: "container/cli-tools.js", mode: 0o644, content: command },
    // What bun runs as TypeScript must not be JavaScript of others' making: `a<b>(c)` means two things.
    { path: "container/cli-tools.ts", mode: 0o644, content: 'import "./cli-tools.js";\n' },
    { path: "container/package.json", mode: 0o644, content: '{ "name": "novabot-worker", "private": true, "type": "module" }\n' },
    { path: "container/cli-tools.sh", mode: 0o755, content: await imageFile("worker/cli-tools.sh") },
    { path: "container/start.sh", mode: 0o755, content: await imageFile("worker/start.sh") },
    { path: "container/health.sh", mode: 0o755, content: await imageFile("worker/health.sh") },
    { path: "patch/bin/patchctl", mode: 0o755, content: await imageFile("worker/patchctl") },
    { path: "patch/bin/shared-scripts/patch_manager.py", mode: 0o755, content: await imageFile("worker/patch_manager.py") },
  ];
  const ca: ContextEntry = { path: "ca.pem", mode: 0o644, content: certificates };
  const versions = {
    SUPERVISOR_NODE_VERSION: WORKER_NODE_VERSIONS[24],
    NODE_VERSION: WORKER_NODE_VERSIONS[node],
    NPM_VERSION,
    BUN_VERSION,
    TYPESCRIPT_VERSION,
    NODE_PTY_VERSION,
  };
  const plan = async (image: string, facts: object): Promise<ImagePlan> => ({
    tag: WORKER_TAG,
    source: await hashEntries(withCA ? [...lasting, ca] : lasting, { versions, node, target: withCA, ...facts }),
    entries: [...lasting, ca],
    buildArgs: { ...versions, NODE_LINE: String(node), BASE_IMAGE: image, FETCH: base.tag },
    target: withCA ? "worker-with-ca" : "worker",
  });
  const named = env[BASE_VARIABLE];
  const image = named || DEFAULT_WORKER_BASE_IMAGE;
  const registry = await plan(image, { image });
  const own = named ? undefined : await plan(base.tag, { baseID: base.id });
  return { registry, own, sources: [registry.source, ...(own ? [own.source] : [])] };
}

/** What the image has now, where the options do not say. */
export function choicesOf(standing: ImageInfo | undefined, options: Pick<BuildImagesOptions, "withCA" | "node">): WorkerChoices {
  const node: WorkerNode = standing?.labels[NODE_LABEL] === "22" ? 22 : 24;
  return { withCA: options.withCA ?? hasCertificates(standing), node: options.node ?? node };
}

export function hasCertificates(image: ImageInfo | undefined): boolean {
  return image?.labels[CERTIFICATES_LABEL] === "host";
}

/** Builds it on the image that is named, or on NovaBot's own base where that cannot be pulled, and says so. */
export async function buildWorker(engine: Engine, options: BuildImagesOptions, baseID: string): Promise<BuiltImage> {
  const started = performance.now();
  const tags = tagsOf(options);
  const standing = await engine.findImage(tags.worker);
  const plans = await workerPlans(options.env, { id: baseID, tag: tags.base }, choicesOf(standing, options));
  if (standing && !options.noCache && plans.sources.includes(standing.labels[SOURCE_LABEL] ?? "")) {
    return report("worker", tags.worker, standing, "up to date", started);
  }
  const registry = await hostRegistry(options.env);
  const build = async (plan: ImagePlan, patience: { readonly pullPatienceMs?: number }): Promise<ImageInfo> => {
    const named = { ...plan, tag: tags.worker, buildArgs: { ...plan.buildArgs, NPM_REGISTRY: registry } };
    const progress = options.progress ?? (() => undefined);
    return await runBuild(engine, named, { image: "worker", noCache: options.noCache ?? false, progress, ...patience });
  };
  let image: ImageInfo;
  try {
    image = await build(plans.registry, plans.own ? { pullPatienceMs: REGISTRY_PATIENCE_MS } : {});
  } catch (error) {
    if (!(error instanceof BaseUnavailable)) throw error;
    const name = plans.registry.buildArgs["BASE_IMAGE"];
    if (!plans.own) {
      throw new NovaError("IMAGE_BUILD_FAILED", `The image ${name} cannot be pulled: ${error.message}`, {
        place: BASE_VARIABLE,
        next: `Set ${BASE_VARIABLE} to an image of Debian or Ubuntu that the engine has or can pull, or unset it.`,
        cause: error,
      });
    }
    options.say(
      `${name} cannot be pulled, so the workers' image is made on NovaBot's own base, which does not bring cloudflared: ${error.message}`,
    );
    image = await build(plans.own, {});
  }
  return report("worker", tags.worker, image, "built", started);
}
