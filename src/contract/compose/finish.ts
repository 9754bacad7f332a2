import { mapValues } from "./build.ts";
import type { MapNode, Node } from "./node.ts";
import { pairsNode } from "./pairs.ts";
import { below, patterns } from "./patterns.ts";
import type { Patterns } from "./patterns.ts";

const PAIRS: Patterns<true> = patterns<true>({
  "services.*.environment": true,
  "services.*.labels": true,
  "services.*.annotations": true,
  "services.*.sysctls": true,
  "services.*.build.args": true,
  "services.*.build.labels": true,
  "services.*.deploy.labels": true,
  "networks.*.labels": true,
  "volumes.*.labels": true,
  "secrets.*.labels": true,
  "configs.*.labels": true,
});

/** Lists of `KEY=value` as the mappings that they are. */
export function finish(root: MapNode): MapNode {
  return visit(root, PAIRS) as MapNode;
}

function visit(node: Node, at: Patterns<true> | undefined): Node {
  if (at === undefined) return node;
  if (at.rule === true) return node.kind === "scalar" ? node : pairsNode(node);
  return node.kind === "map" ? mapValues(node, (value, key) => visit(value, below(at, key))) : node;
}
