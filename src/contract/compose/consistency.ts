import { getText } from "./build.ts";
import { refuse } from "./problem.ts";
import type { ComposeProject, Service } from "./project.ts";

/** Refuses what Compose refuses of a project that is well-formed: services without an image, networks, volumes and services that nobody declared. */
export function checkConsistency(project: ComposeProject): void {
  for (const service of project.services.values()) {
    checkImage(service);
    checkNetworks(service, project);
    checkVolumes(service, project);
    checkDependencies(service, project);
  }
}

function checkImage(service: Service): void {
  if (service.build === undefined && (service.image === undefined || service.image.value === "")) {
    refuse(
      "no-image",
      service.at,
      `the service ${JSON.stringify(service.name)} has neither an image nor a build`,
      "add `image:` or `build:`",
    );
  }
}

function checkNetworks(service: Service, project: ComposeProject): void {
  if (service.networkMode !== undefined && service.networkMode.value !== "" && service.networks.length > 0) {
    const next = "keep one of the two";
    refuse(
      "networks",
      service.networkMode.at,
      `the service ${JSON.stringify(service.name)} has both \`network_mode\` and \`networks\``,
      next,
    );
  }
  for (const network of service.networks) {
    if (project.networks.has(network.name)) continue;
    refuse(
      "undeclared",
      network.at,
      `the network ${JSON.stringify(network.name)} is not declared`,
      "declare it below `networks:`",
    );
  }
}

function checkVolumes(service: Service, project: ComposeProject): void {
  for (const mount of service.mounts) {
    if (mount.kind !== "volume" || mount.source === undefined || project.volumes.has(mount.source.value)) continue;
    refuse(
      "undeclared",
      mount.source.at,
      `the volume ${JSON.stringify(mount.source.value)} is not declared`,
      "declare it below `volumes:`",
    );
  }
}

function checkDependencies(service: Service, project: ComposeProject): void {
  const depends = service.node.entries.get("depends_on")?.value;
  if (depends?.kind !== "map") return;
  for (const [name, entry] of depends.entries) {
    if (project.services.has(name)) continue;
    const required = entry.value.kind !== "map" || entry.value.entries.get("required")?.value;
    const optional = typeof required === "object" && required.kind === "scalar" && required.value === false;
    if (project.inactive.has(name) && optional) continue;
    const why = project.inactive.has(name) ? "which no active profile starts" : "which is not there";
    refuse(
      "undeclared",
      entry.key,
      `the service ${JSON.stringify(service.name)} depends on ${JSON.stringify(name)}, ${why}`,
      "name a service that is there",
    );
  }
  if (getText(service.node, "network_mode") === `service:${service.name}`) {
    refuse("cycle", service.at, `the service ${JSON.stringify(service.name)} shares its own network`, "name another service");
  }
}
