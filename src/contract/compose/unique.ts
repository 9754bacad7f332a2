import { getScalar, getText, mapItems, mapValues } from "./build.ts";
import type { MapNode, Node } from "./node.ts";
import { below, patterns } from "./patterns.ts";
import type { Patterns } from "./patterns.ts";
import { refuse } from "./problem.ts";
import { isText, printed } from "./text.ts";
import { splitVolume } from "./volumes.ts";

/** What two items of a list have in common when the later one takes the earlier one's place. */
type Key = (item: Node) => string;

const BY_NAME = [
  "networks.*.labels",
  ...[
    "annotations",
    "build.args",
    "build.additional_contexts",
    "build.platform",
    "build.tags",
    "build.labels",
    "cap_add",
    "cap_drop",
  ],
  ...[
    "deploy.labels",
    "dns",
    "dns_opt",
    "dns_search",
    "environment",
    "labels",
    "links",
    "networks.*.aliases",
    "networks.*.link_local_ips",
  ],
  ...["profiles", "sysctls", "tmpfs"],
];
const KEYS: Patterns<Key> = patterns<Key>({
  "networks.*.ipam.options": nameKey,
  ...Object.fromEntries(BY_NAME.map((path) => [path === "networks.*.labels" ? path : `services.*.${path}`, nameKey])),
  "services.*.configs": (item) => fileKey(item, ""),
  "services.*.secrets": (item) => fileKey(item, "/run/secrets"),
  "services.*.env_file": (item) => (isText(item) ? item.value : (getText(item, "path") ?? "")),
  "services.*.expose": (item) => (item.kind === "scalar" ? (printed(item) ?? "") : ""),
  "services.*.ports": portKey,
  "services.*.volumes": volumeKey,
  "services.*.devices": deviceKey,
});

/** Keeps of every list whose items have a key the last item of each key, at the place of the first. */
export function unique(root: MapNode): MapNode {
  return visit(root, KEYS) as MapNode;
}

function visit(node: Node, at: Patterns<Key> | undefined): Node {
  if (at === undefined) return node;
  if (node.kind === "map") return mapValues(node, (value, key) => visit(value, below(at, key)));
  if (node.kind !== "list" || at.rule === undefined) return node;
  const places = new Map<string, Node>();
  for (const item of node.items) places.set(at.rule(item), item);
  if (places.size === node.items.length) return node;
  return mapItems({ ...node, items: [...places.values()] }, (item) => item);
}

function nameKey(item: Node): string {
  if (!isText(item)) refuse("value", item.at, "this must be a text", "put it in quotes");
  const cut = item.value.indexOf("=");
  return cut < 0 ? item.value : item.value.slice(0, cut);
}

function fileKey(item: Node, directory: string): string {
  if (isText(item)) return `${directory}/${item.value}`;
  return getText(item, "target") ?? `${directory}/${getText(item, "source") ?? ""}`;
}

function volumeKey(item: Node): string {
  if (isText(item)) return splitVolume(item, item.value).target;
  const target = getText(item, "target");
  if (target === undefined) refuse("volume", item.at, "this volume has no target", "add `target:`");
  return target;
}

function deviceKey(item: Node): string {
  if (!isText(item)) return getText(item, "target") ?? "";
  const [source = "", target] = item.value.split(":");
  return target ?? source;
}

function portKey(item: Node): string {
  if (item.kind === "scalar") return printed(item) ?? "";
  const part = (key: string, otherwise: string): string => {
    const value = getScalar(item, key);
    return value === undefined ? otherwise : (printed(value) ?? otherwise);
  };
  // To Compose a published 80 is another port than a published "80".
  const kind = typeof getScalar(item, "published")?.value;
  return `${part("host_ip", "0.0.0.0")}:${kind}:${part("published", "")}:${part("target", "")}/${part("protocol", "tcp")}`;
}
