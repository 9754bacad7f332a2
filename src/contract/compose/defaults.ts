import { posix } from "node:path";
import { get, getMap, getText, isNull, items, list, map, mapItems, mapValues, record, scalar, withEntry } from "./build.ts";
import type { MapEntry, MapNode, Node } from "./node.ts";
import type { Lookup } from "./template.ts";
import { isText, printed } from "./text.ts";

/** What Compose adds to every document before it checks it: the context of a build, the target of a secret, the protocol of a port. */
export function withDefaults(root: MapNode): MapNode {
  return changeServices(root, (service) => {
    let made = service;
    const build = get(made, "build");
    if (build?.kind === "map" && !build.entries.has("context"))
      made = withEntry(made, "build", withEntry(build, "context", scalar(".", build.at)));
    made = changeList(made, "secrets", (item) => {
      const source = getText(item, "source");
      return item.entries.has("target") ? item : withEntry(item, "target", scalar(`/run/secrets/${source ?? "<nil>"}`, item.at));
    });
    made = changeList(made, "ports", (item) => {
      const protocol = item.entries.has("protocol") ? item : withEntry(item, "protocol", scalar("tcp", item.at));
      return protocol.entries.has("mode") ? protocol : withEntry(protocol, "mode", scalar("ingress", item.at));
    });
    return changeBelow(changeList(made, "gpus", devices), ["deploy", "resources", "reservations"], (node) =>
      changeList(node, "devices", devices),
    );
  });
}

/** Changes the mapping at a path of keys, if there is one. */
function changeBelow(node: MapNode, path: readonly string[], change: (node: MapNode) => MapNode): MapNode {
  const [key, ...rest] = path;
  if (key === undefined) return change(node);
  const inner = getMap(node, key);
  return inner === undefined ? node : withEntry(node, key, changeBelow(inner, rest, change));
}

function devices(item: MapNode): MapNode {
  return item.entries.has("count") || item.entries.has("device_ids") ? item : withEntry(item, "count", scalar("all", item.at));
}

/** What Compose adds to the whole project: the default network, the names of the engine's objects, values of the environment, dependencies. */
export function normalize(root: MapNode, project: string, lookup: Lookup): MapNode {
  let usesDefault = false;
  let made = changeServices(root, (service) => {
    const networked = withNetworks(service);
    if (getMap(networked, "networks")?.entries.has("default") === true) usesDefault = true;
    return dependent(filled(networked, lookup));
  });
  const networks = getMap(made, "networks");
  if (usesDefault && networks?.entries.has("default") !== true) {
    const at = networks?.at ?? root.at;
    made = withEntry(made, "networks", withEntry(networks ?? map([], at), "default", scalar(null, at)));
  }
  for (const kind of ["networks", "volumes", "configs", "secrets"]) {
    const declared = getMap(made, kind);
    if (declared !== undefined)
      made = withEntry(
        made,
        kind,
        mapValues(declared, (value, key) => withName(value, key, project)),
      );
  }
  return made;
}

export function changeServices(root: MapNode, change: (service: MapNode, name: string) => MapNode): MapNode {
  const services = getMap(root, "services");
  if (services === undefined) return root;
  return withEntry(
    root,
    "services",
    mapValues(services, (service, name) => (service.kind === "map" ? change(service, name) : service)),
  );
}

function changeList(service: MapNode, key: string, change: (item: MapNode) => MapNode): MapNode {
  const value = get(service, key);
  if (value?.kind !== "list") return service;
  return withEntry(
    service,
    key,
    mapItems(value, (item) => (item.kind === "map" ? change(item) : item)),
  );
}

function withNetworks(service: MapNode): MapNode {
  if (service.entries.has("network_mode")) return service;
  const networks = get(service, "networks");
  if (networks?.kind === "map" && networks.entries.size > 0) return service;
  const at = networks?.at ?? service.at;
  return withEntry(service, "networks", record({ default: scalar(null, at) }, at));
}

/** Names without a value take the environment's; arguments of a build that it does not have are left out. */
function filled(service: MapNode, lookup: Lookup): MapNode {
  let made = service;
  if (getText(made, "pull_policy") === "if_not_present") made = withEntry(made, "pull_policy", scalar("missing", made.at));
  const build = getMap(made, "build");
  if (build !== undefined) {
    let changed = build;
    if (!changed.entries.has("context") || isNull(get(changed, "context")))
      changed = withEntry(changed, "context", scalar(".", build.at));
    if (isMissing(changed, "dockerfile") && isMissing(changed, "dockerfile_inline")) {
      changed = withEntry(changed, "dockerfile", scalar("Dockerfile", build.at));
    }
    const args = get(changed, "args");
    if (args !== undefined) changed = withEntry(changed, "args", fromEnvironment(args, lookup, false));
    made = withEntry(made, "build", changed);
  }
  const environment = get(made, "environment");
  if (environment !== undefined) made = withEntry(made, "environment", fromEnvironment(environment, lookup, true));
  return changeList(made, "volumes", (item) => {
    const target = get(item, "target");
    if (!isText(target)) return item;
    const clean = posix.normalize(target.value).replace(/(?<=.)\/$/, "");
    return clean === target.value ? item : withEntry(item, "target", { ...target, value: clean });
  });
}

function isMissing(node: MapNode, key: string): boolean {
  const value = get(node, key);
  return value === undefined || isNull(value);
}

function fromEnvironment(node: Node, lookup: Lookup, keep: boolean): Node {
  if (node.kind === "list") {
    const made: Node[] = [];
    for (const item of node.items) {
      const name = isText(item) && !item.value.includes("=") ? item.value : undefined;
      const value = name === undefined ? undefined : lookup(name);
      if (name !== undefined && value !== undefined && item.kind === "scalar") made.push({ ...item, value: `${name}=${value}` });
      else if (name === undefined || keep) made.push(item);
    }
    return list(made, node.at);
  }
  if (node.kind !== "map") return node;
  const entries = new Map<string, MapEntry>();
  for (const [key, entry] of node.entries) {
    const value = isNull(entry.value) ? lookup(key) : undefined;
    if (value !== undefined) entries.set(key, { key: entry.key, value: { ...scalar(value, entry.value.at), written: "" } });
    else if (!isNull(entry.value) || keep) entries.set(key, entry);
  }
  return { ...node, entries };
}

/** Links, shared namespaces and `volumes_from` make a service depend on others. */
function dependent(service: MapNode): MapNode {
  const wanted = new Map<string, { readonly at: Node["at"]; readonly restart: boolean }>();
  for (const link of items(get(service, "links"))) {
    if (!isText(link)) continue;
    const parts = link.value.split(":");
    wanted.set(parts.length === 2 ? (parts[0] ?? "") : link.value, { at: link.at, restart: true });
  }
  for (const namespace of ["network_mode", "ipc", "pid", "uts", "cgroup"]) {
    const value = get(service, namespace);
    const name = isText(value) && value.value.startsWith("service:") ? value.value.slice("service:".length) : undefined;
    if (name !== undefined && value !== undefined && !wanted.has(name)) wanted.set(name, { at: value.at, restart: true });
  }
  for (const from of items(get(service, "volumes_from"))) {
    if (!isText(from) || from.value.startsWith("container:")) continue;
    const [name = ""] = from.value.split(":");
    if (!wanted.has(name)) wanted.set(name, { at: from.at, restart: false });
  }
  if (wanted.size === 0) return service;
  let depends = getMap(service, "depends_on") ?? map([], service.at);
  for (const [name, { at, restart }] of wanted) {
    if (depends.entries.has(name)) continue;
    const value = record(
      { condition: scalar("service_started", at), restart: scalar(restart, at), required: scalar(true, at) },
      at,
    );
    depends = withEntry(depends, name, value);
  }
  return withEntry(service, "depends_on", depends);
}

function withName(value: Node, key: string, project: string): Node {
  const resource = value.kind === "map" ? value : map([], value.at);
  const name = get(resource, "name");
  if (name !== undefined && !isNull(name)) return resource;
  const external = get(resource, "external");
  const outside = external?.kind === "scalar" && ["true", "1", "t", "T", "TRUE", "True"].includes(printed(external) ?? "");
  return withEntry(resource, "name", { ...scalar(outside ? key : `${project}_${key}`, value.at), written: "" });
}
