import { existsSync } from "node:fs";
import { readdir, readFile, readlink, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve } from "node:path";
import type { ContractModule } from "../../contract/declaration/contract.ts";
import type { Engine } from "../../engine/engine.ts";
import { NovaError } from "../../model/errors.ts";
import type { ComposeProgram } from "../compose/program.ts";
import type { ResolvedBuild, ResolvedProject } from "../compose/resolved.ts";
import { runCompose } from "../compose/run.ts";
import { type ContextEntry, hashEntries, packContext } from "../images/context.ts";
import { hostCertificates, hostRegistry } from "../images/host-settings.ts";
import { buildImages } from "../images/images.ts";
import { BASE_TAG, SOURCE_LABEL } from "../images/versions.ts";
import type { Environment } from "../state.ts";
import type { ModuleProject } from "./project.ts";

export interface ImageOptions {
  readonly engine: Engine;
  readonly compose: ComposeProgram;
  readonly env: Environment;
  readonly signal: AbortSignal;
  say(line: string): void;
  progress(line: string): void;
}

/**
 * Builds the images of a module that are ours when they are missing or their sources have changed. A plain one is packed and labelled by NovaBot, which
 * hands it this machine's npm registry and certificates; one that asks for more, or leaves files out by a `.dockerignore`, is built by Compose.
 */
export async function ensureImages(project: ModuleProject, resolved: ResolvedProject, options: ImageOptions): Promise<void> {
  for (const [service, { image, build }] of Object.entries(resolved.services)) {
    if (!build) continue;
    if (image !== undefined && isPlain(build, project.module.folder)) await ensureImage(image, build, project.module, options);
    else {
      options.say(`Building the image of ${service} with Compose.`);
      const onLine = options.progress;
      await runCompose(options.compose, project.selection, ["build", service], {
        variables: project.variables,
        signal: options.signal,
        onLine,
      });
    }
  }
}

function isPlain(build: ResolvedBuild, folder: string): boolean {
  const context = resolve(folder, build.context);
  const dockerfile = resolve(context, build.dockerfile);
  const ignored = [join(context, ".dockerignore"), `${dockerfile}.dockerignore`].some((file) => existsSync(file));
  return !build.special && !/^[a-z]+:\/\//i.test(build.context) && existsSync(dockerfile) && !ignored;
}

async function ensureImage(tag: string, build: ResolvedBuild, module: ContractModule, options: ImageOptions): Promise<void> {
  const { engine, env, say } = options;
  const context = resolve(module.folder, build.context);
  const dockerfile = await readFile(resolve(context, build.dockerfile), "utf8");
  const folder = await realpath(module.folder);
  // By either name: Compose may tell the context by the one, where a home is reached through a link.
  const hidden = [
    ...Object.values(module.envFiles),
    ...module.mounts.filter(({ readonly }) => !readonly).map(({ source }) => source),
  ].flatMap((path) => [path, resolve(folder, relative(module.folder, path))]);
  const tree: ContextTree = { root: context, within: await realpath(context), hidden: new Set(hidden) };
  const entries = (await contextEntries(tree, context)).filter(({ path }) => path !== "Dockerfile");
  entries.push({ path: "Dockerfile", mode: 0o644, content: dockerfile });
  // Another base is another image; one that is not NovaBot's own is the engine's business.
  const base = dockerfile.includes(BASE_TAG) && build.args["BASE_IMAGE"] === undefined ? await ensureBase(options) : undefined;
  const source = await hashEntries(entries, { args: build.args, base });
  const standing = await engine.findImage(tag);
  if (standing?.labels[SOURCE_LABEL] === source) return;
  say(`Building ${tag}${standing ? ", whose sources have changed" : ""}.`);
  const registry = /^ARG NPM_REGISTRY\b/m.test(dockerfile) ? { NPM_REGISTRY: await hostRegistry(env) } : {};
  const certificates = dockerfile.includes("ca.pe[m]") ? await hostCertificates(env) : "";
  const ca: ContextEntry[] = certificates === "" ? [] : [{ path: "ca.pem", mode: 0o644, content: certificates }];
  const name = tag.includes(":") ? tag : `${tag}:latest`;
  await engine.buildImage(
    {
      tag: name,
      context: packContext([...entries, ...ca]),
      buildArgs: { ...build.args, ...registry },
      labels: { [SOURCE_LABEL]: source },
    },
    { signal: options.signal, onProgress: ({ text }) => options.progress(text) },
  );
}

async function ensureBase({ engine, env, say }: ImageOptions): Promise<string> {
  const found = await engine.findImage(BASE_TAG);
  if (found) return found.id;
  const [base] = await buildImages(engine, { which: "base", env, install: true, say });
  if (base) return base.id;
  throw new NovaError("IMAGE_NOT_FOUND", `The image ${BASE_TAG} is not there.`);
}

/** What a process that was killed has left of writing secrets: drafts, locks, a resolved project. */
const leftOver = /^\.(?:.*\.novabot-|#|novabot-back-)/;

interface ContextTree {
  readonly root: string;
  /** The same as a real path. An agent may be at work in it: what becomes a link meanwhile is not followed out of it. */
  readonly within: string;
  readonly hidden: ReadonlySet<string>;
}

/** What lies below `directory`, sorted; neither version control nor installed packages, nor what the module keeps for itself. */
async function contextEntries(tree: ContextTree, directory: string): Promise<ContextEntry[]> {
  const { root, within, hidden } = tree;
  const found: ContextEntry[] = [];
  for (const entry of (await readdir(directory, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = join(directory, entry.name);
    const path = relative(root, file);
    if (entry.name === ".git" || entry.name === "node_modules" || leftOver.test(entry.name) || hidden.has(file)) continue;
    if (entry.isDirectory()) found.push(...(await contextEntries(tree, file)));
    else if (entry.isSymbolicLink()) found.push({ path, link: await inside(root, file) });
    else if (entry.isFile()) found.push({ path, mode: ((await stat(file)).mode & 0o111) === 0 ? 0o644 : 0o755, file, within });
  }
  return found;
}

async function inside(root: string, link: string): Promise<string> {
  const target = await readlink(link);
  if (!isAbsolute(target) && !relative(root, resolve(link, "..", target)).startsWith("..")) return target;
  throw new NovaError("IMAGE_BUILD_FAILED", `The link ${link} leads out of the build's context.`, { place: link });
}
