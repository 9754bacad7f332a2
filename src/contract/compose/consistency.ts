import type { Place } from "../source/place.ts";
import { get, getMap, getScalar, getText, items } from "./build.ts";
import { dependencyCycle } from "./cycle.ts";
import { bytesOf } from "./bytes.ts";
import type { MapNode, Node, ScalarNode } from "./node.ts";
import { refuse } from "./problem.ts";
import type { ComposeProject, Service } from "./project.ts";
import { isText, printed } from "./text.ts";

/** Refuses what Compose refuses of a project that is well-formed: services without an image, and names of things that nobody declared. */
export function checkConsistency(project: ComposeProject): void {
  for (const service of project.services.values()) {
    checkImage(service);
    checkPlatforms(service);
    checkNetworks(service, project);
    checkVolumes(service, project);
    checkFiles(service, project);
    checkDependencies(service, project);
    checkLimits(service);
  }
  checkSecrets(project);
  const cycle = dependencyCycle(project.services);
  if (cycle === undefined) return;
  const at = project.services.get(cycle[0] ?? "")?.at ?? project.document.at;
  refuse("depends-on-cycle", at, `these services wait for each other: ${cycle.join(" → ")}`, "take one `depends_on` out");
}

function quoted(service: Service): string {
  return `the service ${JSON.stringify(service.name)}`;
}

function checkImage(service: Service): void {
  if (service.build === undefined && (service.image === undefined || service.image.value === "")) {
    refuse("no-image", service.at, `${quoted(service)} has neither an image nor a build`, "add `image:` or `build:`");
  }
  const build = getMap(service.node, "build");
  if (build !== undefined && isFilled(get(build, "dockerfile_inline")) && isFilled(get(build, "dockerfile"))) {
    refuse("build", build.at, `${quoted(service)} has both \`dockerfile\` and \`dockerfile_inline\``, "keep one of the two");
  }
}

function checkPlatforms(service: Service): void {
  const platforms = items(get(getMap(service.node, "build"), "platforms")).filter(isText);
  const platform = getText(service.node, "platform");
  if (platforms.length === 0 || platform === undefined || platform === "") return;
  if (platforms.some((one) => one.value === platform)) return;
  refuse("build", platforms[0]?.at ?? service.at, `\`build.platforms\` does not have the platform ${platform}`, "add it there");
}

function checkNetworks(service: Service, project: ComposeProject): void {
  if (service.networkMode !== undefined && service.networkMode.value !== "" && service.networks.length > 0) {
    const next = "keep one of the two";
    refuse("networks", service.networkMode.at, `${quoted(service)} has both \`network_mode\` and \`networks\``, next);
  }
  for (const network of service.networks) {
    if (!project.networks.has(network.name)) undeclared("network", network.name, network.at);
  }
  const shared = service.networkMode?.value.startsWith("service:") === true ? service.networkMode : undefined;
  const name = shared?.value.slice("service:".length);
  if (shared !== undefined && name !== undefined && !project.services.has(name)) undeclared("service", name, shared.at);
}

function undeclared(kind: string, name: string, at: Place): never {
  refuse("undeclared", at, `the ${kind} ${JSON.stringify(name)} is not declared`, `declare it below \`${kind}s:\``);
}

function checkVolumes(service: Service, project: ComposeProject): void {
  for (const { kind, source } of service.mounts) {
    if (kind === "volume" && source !== undefined && !project.volumes.has(source.value))
      undeclared("volume", source.value, source.at);
  }
}

function checkFiles(service: Service, project: ComposeProject): void {
  const check = (kind: "secret" | "config", node: Node | undefined): void => {
    const declared = getMap(project.document, `${kind}s`);
    for (const item of items(node)) {
      const source = getScalar(item, "source");
      const name = source === undefined ? "" : (printed(source) ?? "");
      if (declared?.entries.has(name) !== true) undeclared(kind, name, source?.at ?? item.at);
    }
  };
  check("secret", get(getMap(service.node, "build"), "secrets"));
  check("config", get(service.node, "configs"));
  check("secret", get(service.node, "secrets"));
}

function checkDependencies(service: Service, project: ComposeProject): void {
  for (const [name, entry] of getMap(service.node, "depends_on")?.entries ?? []) {
    if (project.services.has(name)) continue;
    const isInactive = project.inactive.has(name);
    if (isInactive && getScalar(entry.value, "required")?.value === false) continue;
    const why = isInactive ? "which no active profile starts" : "which is not there";
    refuse(
      "undeclared",
      entry.key,
      `${quoted(service)} depends on ${JSON.stringify(name)}, ${why}`,
      "name a service that is there",
    );
  }
}

/** A limit that is written twice must be the same one. */
function checkLimits(service: Service): void {
  const { node } = service;
  const deploy = getMap(node, "deploy");
  const replicas = numberOf(deploy, "replicas");
  const scale = numberOf(node, "scale");
  if (scale !== undefined && replicas !== undefined && scale !== replicas) twice(service, node, "scale", "deploy.replicas");
  const resources = getMap(deploy, "resources");
  for (const [own, part, key] of LIMITS) {
    const limit = getScalar(node, own);
    const among = getMap(resources, part);
    if (limit === undefined || among === undefined || amount(limit) === 0) continue;
    if (amount(limit) !== amount(getScalar(among, key))) twice(service, node, own, `deploy.resources.${part}.${key}`);
  }
  const many = scale ?? replicas ?? 1;
  if (many > 1 && service.containerName !== undefined && service.containerName.value !== "") {
    const at = service.containerName.at;
    refuse(
      "container-name",
      at,
      `${quoted(service)} runs ${many} times, and its containers cannot share a name`,
      "take `container_name` out",
    );
  }
  const test = service.healthcheck?.test;
  if (test !== undefined && test.value.length > 0 && !["CMD", "CMD-SHELL", "NONE"].includes(test.value[0] ?? "")) {
    refuse("healthcheck", test.at, "a health check's test begins with CMD, CMD-SHELL or NONE", "put CMD before it");
  }
}

const LIMITS = [
  ["cpus", "limits", "cpus"],
  ["mem_limit", "limits", "memory"],
  ["mem_reservation", "reservations", "memory"],
  ["pids_limit", "limits", "pids"],
] as const;

/** What is not there is zero to Compose. */
function amount(node: ScalarNode | undefined): number {
  if (node === undefined || node.value === null) return 0;
  return typeof node.value === "number" ? Math.fround(node.value) : Math.fround(bytesOf(String(node.value)) ?? 0);
}

function twice(service: Service, node: MapNode, one: string, other: string): never {
  refuse(
    "limits",
    get(node, one)?.at ?? service.at,
    `${quoted(service)} says \`${one}\` and \`${other}\` differently`,
    "keep one of the two",
  );
}

function numberOf(node: MapNode | undefined, key: string): number | undefined {
  const value = getScalar(node, key)?.value;
  return typeof value === "number" ? value : undefined;
}

function checkSecrets(project: ComposeProject): void {
  for (const [name, entry] of getMap(project.document, "secrets")?.entries ?? []) {
    if (getScalar(entry.value, "external")?.value === true) continue;
    if (isFilled(get(entry.value, "file")) || isFilled(get(entry.value, "environment"))) continue;
    refuse(
      "secret",
      entry.key,
      `the secret ${JSON.stringify(name)} has neither a file nor an environment variable`,
      "add `file:` or `environment:`",
    );
  }
}

function isFilled(node: Node | undefined): boolean {
  return node?.kind === "scalar" && node.value !== null && node.value !== "";
}
