import { mapItems, mapValues } from "./build.ts";
import { truth } from "./interpolate.ts";
import type { MapNode, Node } from "./node.ts";
import { pairsNode } from "./pairs.ts";
import { below, patterns } from "./patterns.ts";
import type { Patterns } from "./patterns.ts";
import { refuse } from "./problem.ts";
import { isText } from "./text.ts";

type Finish = (node: Node, path: string) => Node;

const PAIRS = ["environment", "labels", "annotations", "sysctls", "build.args", "build.labels", "deploy.labels"];
/** Truth values that may be written as texts, and that are not among those that Compose casts while it puts variables in. */
const TRUTHS = [
  "attach",
  "build.no_cache",
  "build.privileged",
  "build.pull",
  "depends_on.*.required",
  "depends_on.*.restart",
  "env_file.*.required",
  "volumes.*.bind.create_host_path",
];
const NUMBERS = ["deploy.resources.limits.pids", "networks.*.priority"];

const FINISHES: Patterns<Finish> = patterns<Finish>({
  ...Object.fromEntries(PAIRS.map((path) => [`services.*.${path}`, asPairs])),
  ...Object.fromEntries(["networks", "volumes", "secrets", "configs"].map((kind) => [`${kind}.*.labels`, asPairs])),
  ...Object.fromEntries(TRUTHS.map((path) => [`services.*.${path}`, asTruth])),
  ...Object.fromEntries(NUMBERS.map((path) => [`services.*.${path}`, asNumber])),
});

/** Lists of `KEY=value` as the mappings that they are, and texts as the truth values and numbers that Compose takes them for. */
export function finish(root: MapNode): MapNode {
  return visit(root, FINISHES, "") as MapNode;
}

function visit(node: Node, at: Patterns<Finish> | undefined, path: string): Node {
  if (at === undefined) return node;
  if (at.rule !== undefined) return at.rule(node, path);
  if (node.kind === "map") {
    return mapValues(node, (value, key) => visit(value, below(at, key), path === "" ? key : `${path}.${key}`));
  }
  return node.kind === "list" ? mapItems(node, (value) => visit(value, below(at, "*"), path)) : node;
}

function asPairs(node: Node): Node {
  return node.kind === "scalar" ? node : pairsNode(node);
}

function asTruth(node: Node, path: string): Node {
  if (!isText(node)) return node;
  const value = truth(node.value);
  if (value === undefined)
    refuse("value", node.at, `${path} must be true or false, and is ${JSON.stringify(node.value)}`, "write true or false");
  return { ...node, value };
}

function asNumber(node: Node, path: string): Node {
  if (!isText(node)) return node;
  if (!/^[-+]?\d+$/.test(node.value))
    refuse("value", node.at, `${path} must be a number, and is ${JSON.stringify(node.value)}`, "write a number");
  return { ...node, value: Number(node.value) };
}
