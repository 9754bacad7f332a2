import { join } from "node:path";
import type { Distribution } from "../machine/distribution.ts";
import { stateDirectory, type Environment } from "../state.ts";
import { type ContextEntry, hashEntries } from "./context.ts";
import { hostCertificates } from "./host-settings.ts";
import { nodeArchitecture, packagedNode } from "./packages.ts";
import { rootFileSystemHash, rootFileSystemPlan, type RootFileSystem } from "./rootfs.ts";
import { bundleMailCommand, bundleRunner, imageFile } from "./sources.ts";
import { AGENT_TAG, BASE_TAG, CLAUDE_CODE_VERSION, DEFAULT_BASE_IMAGE, NPM_VERSION } from "./versions.ts";

/** An image that can be built in one request, and the hash of all that decides what it will be. */
export interface ImagePlan {
  readonly tag: string;
  readonly source: string;
  readonly entries: readonly ContextEntry[];
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly target?: string;
}

/** The base image from a container registry, or from the image that `BASE_IMAGE` names. */
export async function registryBasePlan(env: Environment): Promise<ImagePlan> {
  const buildArgs = { BASE_IMAGE: env["BASE_IMAGE"] || DEFAULT_BASE_IMAGE };
  const entries: ContextEntry[] = [{ path: "Dockerfile", mode: 0o644, content: await imageFile("base/Dockerfile") }];
  return { tag: BASE_TAG, source: await hashEntries(entries, buildArgs), entries, buildArgs };
}

/** What the base image is made of where no registry answers; its archives are made only when it is built. */
export interface DebianBasePlan {
  readonly source: string;
  readonly dockerfile: string;
  readonly node: string;
  readonly rootFileSystem: RootFileSystem;
}

export async function debianBasePlan(distribution: Distribution, engineArchitecture: string): Promise<DebianBasePlan> {
  const architecture = nodeArchitecture(engineArchitecture);
  const dockerfile = await imageFile("base/Dockerfile.rootfs");
  const node = await packagedNode(architecture);
  const rootFileSystem = rootFileSystemPlan(distribution, architecture);
  const facts = { rootFileSystem: rootFileSystemHash(rootFileSystem), node: node.version, npm: NPM_VERSION };
  const source = await hashEntries([{ path: "Dockerfile", mode: 0o644, content: dockerfile }], facts);
  return { source, dockerfile, node: node.file, rootFileSystem };
}

/** Where archives that builds share are kept. */
export function cacheDirectory(env: Environment): string {
  return join(stateDirectory(env), "images");
}

/** The agent image on the base image `baseID`. The host's certificates decide what it is only when they stay in it. */
export async function agentPlan(env: Environment, baseID: string, withCA: boolean): Promise<ImagePlan> {
  const certificates = await hostCertificates(env);
  const [runner, { command, server }] = await Promise.all([bundleRunner(), bundleMailCommand()]);
  const lasting: ContextEntry[] = [
    { path: "Dockerfile", mode: 0o644, content: await imageFile("agent/Dockerfile") },
    { path: "runner/entrypoint.sh", mode: 0o644, content: await imageFile("agent/entrypoint.sh") },
    { path: "runner/seal.pl", mode: 0o644, content: await imageFile("agent/seal.pl") },
    { path: "runner/runner.mjs", mode: 0o644, content: runner },
    { path: "command/novabot", mode: 0o755, content: await imageFile("agent/novabot.sh") },
    { path: "command/command.mjs", mode: 0o644, content: command },
    { path: "command/server.mjs", mode: 0o644, content: server },
  ];
  const ca: ContextEntry = { path: "ca.pem", mode: 0o644, content: certificates };
  const facts = { baseID, claude: CLAUDE_CODE_VERSION, target: withCA };
  return {
    tag: AGENT_TAG,
    source: await hashEntries(withCA ? [...lasting, ca] : lasting, facts),
    entries: [...lasting, ca],
    buildArgs: { BASE: BASE_TAG, CLAUDE_CODE_VERSION },
    target: withCA ? "agent-with-ca" : "agent",
  };
}
