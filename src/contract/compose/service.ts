import { resolve } from "node:path";
import type { Place, Placed } from "../source/place.ts";
import { get, getMap, getScalar, getText, items } from "./build.ts";
import type { MapNode, Node, ScalarNode } from "./node.ts";
import { mounts } from "./mounts.ts";
import { pairs } from "./pairs.ts";
import { isRemoteContext } from "./paths.ts";
import type { Build, EnvFile, Healthcheck, PublishedPort, Service, ServiceNetwork } from "./project.ts";
import { isText, placed, printed } from "./text.ts";

/** A service of a finished document. */
export function serviceOf(name: string, at: Place, node: MapNode, root: MapNode): Service {
  return {
    name,
    at,
    node,
    containerName: placed(node, "container_name"),
    image: placed(node, "image"),
    build: build(getMap(node, "build")),
    user: getScalar(node, "user"),
    restart: placed(node, "restart"),
    mounts: mounts(node, root),
    ports: items(get(node, "ports")).flatMap(port),
    networkMode: placed(node, "network_mode"),
    networks: networks(getMap(node, "networks")),
    envFiles: items(get(node, "env_file")).flatMap(envFile),
    environment: new Map(
      [...pairs(get(node, "environment"))].map(([key, pair]) => [
        key,
        { value: printed(pair.value) ?? null, node: pair.value, key: pair.key },
      ]),
    ),
    labels: new Map(
      [...pairs(get(node, "labels"))].map(([key, pair]) => [key, { value: printed(pair.value) ?? "", at: pair.value.at }]),
    ),
    healthcheck: healthcheck(getMap(node, "healthcheck")),
    command: words(get(node, "command")),
    entrypoint: words(get(node, "entrypoint")),
    profiles: items(get(node, "profiles"))
      .filter(isText)
      .map((item) => item.value),
  };
}

function build(node: MapNode | undefined): Build | undefined {
  if (node === undefined) return undefined;
  const context = placed(node, "context") ?? { value: ".", at: node.at };
  const inline = getScalar(node, "dockerfile_inline");
  const dockerfile = placed(node, "dockerfile");
  const remote = isRemoteContext(context.value);
  const path =
    dockerfile === undefined || remote ? undefined : { value: resolve(context.value, dockerfile.value), at: dockerfile.at };
  return {
    at: node.at,
    context,
    dockerfile: inline === undefined ? path : undefined,
    dockerfileInline: inline,
    target: placed(node, "target"),
    args: new Map(
      [...pairs(get(node, "args"))].map(([key, pair]) => [key, { value: printed(pair.value) ?? null, at: pair.value.at }]),
    ),
  };
}

function port(node: Node): PublishedPort[] {
  if (node.kind !== "map") return [];
  const target = getScalar(node, "target");
  if (target === undefined) return [];
  return [
    {
      at: node.at,
      hostAddress: placed(node, "host_ip"),
      published: placed(node, "published"),
      target: { value: Number(target.value), at: target.at },
      protocol: getText(node, "protocol") ?? "tcp",
      mode: getText(node, "mode"),
    },
  ];
}

function networks(node: MapNode | undefined): ServiceNetwork[] {
  return [...(node?.entries ?? [])].map(([name, entry]) => ({
    name,
    at: entry.key,
    aliases: items(get(entry.value, "aliases"))
      .filter(isText)
      .map((item) => item.value),
  }));
}

function envFile(node: Node): EnvFile[] {
  const path = node.kind === "map" ? placed(node, "path") : undefined;
  if (node.kind !== "map" || path === undefined) return [];
  return [{ at: path.at, path, required: getScalar(node, "required")?.value !== false, format: getText(node, "format") }];
}

function healthcheck(node: MapNode | undefined): Healthcheck | undefined {
  if (node === undefined) return undefined;
  const written = get(node, "test");
  const test = isText(written) ? ["CMD-SHELL", written.value] : written?.kind === "list" ? textsOf(written.items) : undefined;
  const disabled = getScalar(node, "disable")?.value === true || test?.[0] === "NONE";
  return {
    at: node.at,
    disabled,
    test: test === undefined || written === undefined ? undefined : { value: test, at: written.at },
    node,
  };
}

function words(node: Node | undefined): Placed<readonly string[] | string> | undefined {
  if (isText(node)) return { value: node.value, at: node.at };
  return node?.kind === "list" ? { value: textsOf(node.items), at: node.at } : undefined;
}

function textsOf(nodes: readonly Node[]): string[] {
  return nodes.filter((node): node is ScalarNode => node.kind === "scalar").map((node) => printed(node) ?? "");
}
